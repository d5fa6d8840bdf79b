package identity

import (
	"fmt"
	"slices"
	"strings"
)

// DefaultAlgorithm is used where none is configured.
const DefaultAlgorithm = "HS256"

// DefaultSecret is the published JWT_SECRET of the product's README. It opens
// nothing outside DEBUG.
const DefaultSecret = "change-me-in-production"

// Key types of RFC 7518 section 6.1 and RFC 8037 section 2.
const (
	ktyOct = "oct"
	ktyRSA = "RSA"
	ktyEC  = "EC"
	ktyOKP = "OKP"
)

// algorithm says which keys a signature algorithm goes with.
type algorithm struct {
	name   string
	kty    string
	crv    string // EC and OKP: the one curve
	secret int    // oct: least length in bytes, that of the hash (RFC 7518 section 3.2)
}

// algorithms are all that JWT_ALGORITHM may name. There is no "none".
var algorithms = []algorithm{
	{name: "HS256", kty: ktyOct, secret: 32},
	{name: "HS384", kty: ktyOct, secret: 48},
	{name: "HS512", kty: ktyOct, secret: 64},
	{name: "RS256", kty: ktyRSA},
	{name: "RS384", kty: ktyRSA},
	{name: "RS512", kty: ktyRSA},
	{name: "PS256", kty: ktyRSA},
	{name: "PS384", kty: ktyRSA},
	{name: "PS512", kty: ktyRSA},
	{name: "ES256", kty: ktyEC, crv: "P-256"},
	{name: "ES384", kty: ktyEC, crv: "P-384"},
	{name: "ES512", kty: ktyEC, crv: "P-521"},
	{name: "EdDSA", kty: ktyOKP, crv: "Ed25519"},
}

func algorithmNamed(name string) (algorithm, error) {
	if name == "" {
		name = DefaultAlgorithm
	}
	i := slices.IndexFunc(algorithms, func(a algorithm) bool { return a.name == name })
	if i < 0 {
		names := make([]string, len(algorithms))
		for i, a := range algorithms {
			names[i] = a.name
		}
		return algorithm{}, fmt.Errorf("JWT_ALGORITHM %q is not supported: set it to one of %s",
			name, strings.Join(names, ", "))
	}
	return algorithms[i], nil
}

// checkSecret refuses a secret that is shorter than the hash. The default one
// is let through: whether it opens anything is the caller's decision.
func (a algorithm) checkSecret(secret string) error {
	if secret == DefaultSecret || len(secret) >= a.secret {
		return nil
	}
	return fmt.Errorf("JWT_SECRET is %d bytes long: set one of at least %d for JWT_ALGORITHM %s",
		len(secret), a.secret, a.name)
}
