package identity

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxKeyFile is the largest key file that is read, in bytes.
const maxKeyFile = 1 << 20

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
// is another than the last time. Contents are compared rather than times of
// modification: they are small, and a file replaced within a tick is seen too.
func (f *keyFile) reload() (keys *keySet, changed bool, err error) {
	data, err := readRegular(f.path)
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

// readRegular reads a whole file of at most maxKeyFile bytes. A pipe or a
// device, which might block for ever, is refused.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, bare(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer func() { _ = file.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, bare(err)
	}
	if len(data) > maxKeyFile {
		return nil, errors.New("over 1 MiB")
	}
	return data, nil
}

// bare drops the path from a file error: the caller has said it already.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
