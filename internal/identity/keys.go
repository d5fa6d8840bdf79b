package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

// minRSA is the least size of an RSA key in bits (RFC 7518 section 3.3).
const minRSA = 2048

var errPrivate = errors.New("a private key in it, give the public key alone")

// ErrUnknownKid is the cause of a refusal that newer keys of the issuer might undo.
var ErrUnknownKid = errors.New("jwt: unknown kid")

// keySet holds the keys that fit the pinned algorithm. It never changes.
type keySet struct {
	all  []any          // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	kids map[string]any // nil for the one key of a secret or a PEM file
}

// find chooses the key by the token's kid, nil where it has none. The one key of
// a secret or a PEM file has no kid of its own, so there a token's is ignored. In
// a JWK Set a kid must be known, and may be left out only where a single key fits.
func (s *keySet) find(kid any) (any, error) {
	name, text := kid.(string)
	key, known := s.kids[name]
	switch {
	case kid != nil && !text:
		return nil, errors.New("jwt: kid is not a string")
	case text && known:
		return key, nil
	case text && s.kids != nil:
		return nil, ErrUnknownKid
	case len(s.all) != 1:
		return nil, errors.New("jwt: no kid, and several keys fit")
	}
	return s.all[0], nil
}

// parsePEM reads the one public key of a PEM file (RFC 7468). A private key is
// refused rather than reduced: it has no business on a host that only verifies.
func (a algorithm) parsePEM(data []byte) (*keySet, error) {
	key, rest, err := jwk.DecodePEM(data)
	if err != nil {
		return nil, err
	}
	if next, _ := pem.Decode(rest); next != nil {
		return nil, errors.New("several PEM blocks in it, give several keys as JWT_JWKS_FILE")
	}
	if err := a.checkPublic(key); err != nil {
		return nil, err
	}
	return &keySet{all: []any{key}}, nil
}

// parseJWKS reads the keys of a JWK Set (RFC 7517 section 5) that fit the
// algorithm. Those of another kty, crv, alg or use are passed over, as the RFC
// asks. The whole set is refused when it holds secret material (a symmetric key
// or the private half of any), when a key that fits is broken, weak or repeats
// a kid, and when none fits: jwk.Parse would either pass over all of these or
// stop at the first kty that it has never heard of.
func (a algorithm) parseJWKS(data []byte) (*keySet, error) {
	var object struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, fmt.Errorf("not a JWK Set: %w", err)
	}
	set := &keySet{kids: make(map[string]any)}
	for i, raw := range object.Keys {
		if err := a.addJWK(set, raw); err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
	}
	if len(set.all) == 0 {
		return nil, fmt.Errorf("no key of a JWK Set in it goes with JWT_ALGORITHM %s", a.name)
	}
	return set, nil
}

func (a algorithm) addJWK(set *keySet, raw jsontext.Value) error {
	var members map[string]any
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	if members["kty"] == ktyOct {
		return errors.New("a symmetric key, which a published set must not hold")
	}
	// Every private JWK has d, the exponent, scalar or seed (RFC 7518 section 6).
	if _, ok := members["d"]; ok {
		return errPrivate
	}
	if !a.fits(members) {
		return nil
	}
	var key any
	if err := jwk.ParseRawKey(raw, &key); err != nil {
		return err
	}
	if err := a.checkPublic(key); err != nil {
		return err
	}
	set.all = append(set.all, key)
	if kid, ok := members["kid"].(string); ok {
		if _, twice := set.kids[kid]; twice {
			return errors.New("its kid is another key's too")
		}
		set.kids[kid] = key
	}
	return nil
}

// fits reports whether a JWK is meant to verify with this algorithm. Members
// that are optional (use, alg, key_ops: RFC 7517 section 4) fit when absent.
func (a algorithm) fits(members map[string]any) bool {
	is := func(name, want string) bool {
		got, ok := members[name]
		return !ok || got == want
	}
	if ops, ok := members["key_ops"]; ok {
		if list, _ := ops.([]any); !slices.Contains(list, any("verify")) {
			return false
		}
	}
	return members["kty"] == a.kty && is("crv", a.crv) && is("use", "sig") && is("alg", a.name)
}

// checkPublic refuses a public key of another kind than the algorithm's, and one
// that is weak or malformed.
func (a algorithm) checkPublic(key any) error {
	kty, crv := "", ""
	switch key := key.(type) {
	case crypto.Signer:
		return errPrivate
	case *rsa.PublicKey:
		kty = ktyRSA
		if bits := key.N.BitLen(); bits < minRSA {
			return fmt.Errorf("an RSA key of %d bits is too weak, give one of %d or more", bits, minRSA)
		}
		if key.E < 3 || key.E%2 == 0 {
			return errors.New("an RSA key with an impossible exponent")
		}
	case *ecdsa.PublicKey:
		kty, crv = ktyEC, key.Curve.Params().Name
		if _, err := key.ECDH(); err != nil {
			return errors.New("an EC key that is not a point on its curve")
		}
	case ed25519.PublicKey:
		kty, crv = ktyOKP, "Ed25519"
		if len(key) != ed25519.PublicKeySize { // ed25519.Verify would panic
			return errors.New("an Ed25519 key of the wrong length")
		}
	}
	if kty != a.kty || crv != a.crv {
		return fmt.Errorf("the key does not go with JWT_ALGORITHM %s", a.name)
	}
	return nil
}
