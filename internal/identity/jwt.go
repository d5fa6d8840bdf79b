package identity

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// JWTConfig says which tokens are accepted. Its zero value accepts none.
type JWTConfig struct {
	// Secret is JWT_SECRET, the key of HS256, HS384 and HS512: at least as
	// many bytes as the hash (32, 48, 64). Other algorithms ignore it.
	Secret string

	// Algorithm is JWT_ALGORITHM: HS, RS, PS or ES with 256, 384 or 512, or
	// EdDSA (RFC 7518 section 3.1, RFC 8037). Empty means HS256.
	Algorithm string

	// PublicKeyFile is JWT_PUBLIC_KEY_FILE: one public key or certificate in
	// PEM (RFC 7468). The dates of a certificate are not checked.
	PublicKeyFile string

	// JWKSFile is JWT_JWKS_FILE: a JWK Set (RFC 7517 section 5). At most one of
	// the two files may be set, and none with an HS algorithm.
	JWKSFile string

	// Issuer is JWT_ISSUER: when set, iss must equal it.
	Issuer string

	// Audience is JWT_AUDIENCE: when set, aud must be it or a list with it.
	Audience string

	// AllowDefaultSecret (DEBUG) lets [DefaultSecret] open the server.
	AllowDefaultSecret bool

	// AllowShortSecret (DEBUG) lets a secret open it that is shorter than the hash.
	AllowShortSecret bool

	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Verifier verifies the tokens of one issuer: its keys and algorithm, its iss and
// aud. A nil or disabled one refuses them all. It may be used by many goroutines
// at once.
type Verifier struct {
	config    JWTConfig
	algorithm algorithm
	file      *keyFile               // nil for a secret
	keys      atomic.Pointer[keySet] // nil when disabled
	renewed   atomic.Uint64          // how often keys was replaced
}

// Generation changes after each change of the keys: what was verified under
// another generation must be verified again.
func (v *Verifier) Generation() uint64 {
	if v == nil {
		return 0
	}
	return v.renewed.Load()
}

// NewVerifier reads the keys and returns a verifier; run [Verifier.Watch] to
// follow a key file. Without a secret, or with the default one outside DEBUG,
// the verifier is disabled, which is no error (contract section 3). An error is
// one line that names the setting to change: an unknown algorithm, a secret
// shorter than the hash, files that do not go with the algorithm, a file without
// a usable key.
func NewVerifier(c JWTConfig) (*Verifier, error) {
	alg, err := algorithmNamed(c.Algorithm)
	if err != nil {
		return nil, err
	}
	file, err := keyFileFor(alg, c)
	if err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	v := &Verifier{config: c, algorithm: alg, file: file}
	switch {
	case file != nil:
		keys, _, err := file.reload()
		if err != nil {
			return nil, err
		}
		v.keys.Store(keys)
	case c.Secret == "", c.Secret == DefaultSecret && !c.AllowDefaultSecret:
	default:
		if err := alg.checkSecret(c.Secret); err != nil && !c.AllowShortSecret {
			return nil, err
		}
		v.keys.Store(&keySet{all: []any{[]byte(c.Secret)}})
	}
	return v, nil
}

// Enabled reports whether any token can be accepted.
func (v *Verifier) Enabled() bool { return v != nil && v.keys.Load() != nil }

// Verify checks the signature and the claims of a compact JWS (RFC 7515
// section 7.1) and returns what the claims say. Every error is the same
// [Unauthenticated]; its cause tells why, and holds nothing of the token but,
// where the signature is good, a claim that is wrong.
func (v *Verifier) Verify(token string) (Claims, error) {
	claims, err := v.verify(token)
	if err != nil {
		return Claims{}, Unauthenticated(err)
	}
	return claims, nil
}

func (v *Verifier) verify(token string) (Claims, error) {
	if !v.Enabled() {
		return Claims{}, errors.New("jwt: none is accepted, JWT_SECRET is unset or at its default")
	}
	header, err := parseHeader(token)
	if err != nil {
		return Claims{}, err
	}
	key, err := v.key(header)
	if err != nil {
		return Claims{}, err
	}
	payload, err := jws.Verify([]byte(token), jws.WithKey(jwa.SignatureAlgorithm(v.algorithm.name), key))
	if err != nil { // not told: it may quote what nobody has signed
		return Claims{}, errors.New("jwt: the signature does not match")
	}
	want := expected{issuer: v.config.Issuer, now: v.config.Now}
	if v.config.Audience != "" {
		want.audiences = []string{v.config.Audience}
	}
	return want.check(payload)
}
