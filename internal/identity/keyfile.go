package identity

import (
	"fmt"

	"github.com/legivellum/metagate/internal/files"
)

// keyFile is where public keys come from.
type keyFile struct {
	setting string // names the file in errors
	path    string
	parse   func([]byte) (*keySet, error)
	last    string // what was read last, or the error: a change shows against it
}

// keyFileFor returns the file that the configuration names, nil for an HS
// algorithm, or an error where file and algorithm do not go together.
func keyFileFor(a algorithm, c JWTConfig) (*keyFile, error) {
	const pemSetting, jwksSetting = "JWT_PUBLIC_KEY_FILE", "JWT_JWKS_FILE"
	file := &keyFile{setting: pemSetting, path: c.PublicKeyFile, parse: a.parsePEM}
	if c.JWKSFile != "" {
		if c.PublicKeyFile != "" {
			return nil, fmt.Errorf("%s and %s are both set: set one of them", pemSetting, jwksSetting)
		}
		file = &keyFile{setting: jwksSetting, path: c.JWKSFile, parse: a.parseJWKS}
	}
	switch {
	case a.kty == ktyOct && file.path != "":
		return nil, fmt.Errorf("%s is set, but JWT_ALGORITHM %s takes JWT_SECRET: unset the file or set JWT_ALGORITHM to that of its key",
			file.setting, a.name)
	case a.kty == ktyOct:
		return nil, nil
	case file.path == "":
		return nil, fmt.Errorf("JWT_ALGORITHM %s needs a public key: set %s or %s", a.name, pemSetting, jwksSetting)
	}
	return file, nil
}

// reload reads the keys and tells whether the file, or the failure to read it,
// is another than the last time.
func (f *keyFile) reload() (keys *keySet, changed bool, err error) {
	data, err := files.Read(f.path)
	now := string(data)
	if err != nil {
		now = err.Error()
	} else {
		keys, err = f.parse(data)
	}
	if err != nil {
		keys, err = nil, fmt.Errorf("%s %q: %w", f.setting, f.path, err)
	}
	changed, f.last = now != f.last, now
	return keys, changed, err
}
