package identity

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
)

// minRSA is the least size of an RSA key in bits (RFC 7518 section 3.3).
const minRSA = 2048

// keySet holds the keys that fit the pinned algorithm. It never changes.
type keySet struct {
	all  []any          // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	kids map[string]any // nil for the one key of a secret or a PEM file
}

// find chooses the key by the token's kid. The one key of a secret or a PEM file
// has no kid of its own, so there a token's is ignored. In a JWK Set a kid must
// be known, and may be left out only where a single key fits.
func (s *keySet) find(kid *string) (any, error) {
	if kid != nil && s.kids != nil {
		if key, ok := s.kids[*kid]; ok {
			return key, nil
		}
		return nil, errors.New("jwt: unknown kid")
	}
	if len(s.all) != 1 {
		return nil, errors.New("jwt: no kid, and several keys fit")
	}
	return s.all[0], nil
}

// checkPublic refuses a public key of another kind than the algorithm's, and one
// that is weak or malformed.
func (a algorithm) checkPublic(key any) error {
	kty, crv := "", ""
	switch key := key.(type) {
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
