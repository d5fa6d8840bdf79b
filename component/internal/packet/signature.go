package packet

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// typ is the typ of a packet's signature.
const typ = "metagate-packet+jws"

// ErrUnknownKey is that none of the keys is the one that a signature names.
var ErrUnknownKey = errors.New("signed by a key that isn't known")

// Keys is a JWK set (RFC 7517) of Ed25519 keys (RFC 8037); others in it are skipped.
type Keys map[string]ed25519.PublicKey

// ReadKeys reads a JWK set.
func ReadKeys(jwks []byte) (Keys, error) {
	var set struct {
		Keys []struct{ Kty, Crv, Kid, X string }
	}
	if err := json.Unmarshal(jwks, &set); err != nil {
		return nil, fmt.Errorf("a JWK set: %w", err)
	}
	keys := Keys{}
	for _, k := range set.Keys {
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if k.Kty == "OKP" && k.Crv == "Ed25519" && err == nil && len(x) == ed25519.PublicKeySize {
			keys[k.Kid] = x
		}
	}
	return keys, nil
}

// Vouches reports whether one of the keys is among others: they are of one signer.
func (k Keys) Vouches(others Keys) bool {
	for id, key := range k {
		if key.Equal(others[id]) {
			return true
		}
	}
	return false
}

// Signed is what a signature says beside the packet.
type Signed struct {
	Tenant   string
	Revision int64
	At       time.Time // renewed hourly while the packet is answered
}

// Verify verifies a detached JWS (RFC 7515, appendix F) over what Stable returns.
func (k Keys) Verify(signature string, stable []byte) (s Signed, err error) {
	head, sig, found := strings.Cut(signature, "..")
	if !found {
		return s, errors.New("no detached JWS")
	}
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return s, fmt.Errorf("no JWS: %w", err)
	}
	var h struct {
		Alg, Typ, Kid, Tenant string
		Iat, Rev              int64
		Crit                  []string
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return s, fmt.Errorf("no JWS: %w", err)
	}
	if h.Alg != "EdDSA" || h.Typ != typ || len(h.Crit) > 0 {
		return s, fmt.Errorf("no signature of a packet: alg %q, typ %q", h.Alg, h.Typ)
	}
	raw, err := base64.RawURLEncoding.DecodeString(sig)
	if err != nil {
		return s, fmt.Errorf("no JWS: %w", err)
	}
	key, known := k[h.Kid]
	if !known {
		return s, fmt.Errorf("%w: %q", ErrUnknownKey, h.Kid)
	}
	if !ed25519.Verify(key, []byte(head+"."+base64.RawURLEncoding.EncodeToString(stable)), raw) {
		return s, errors.New("the signature is not of this packet")
	}
	return Signed{Tenant: h.Tenant, Revision: h.Rev, At: time.Unix(h.Iat, 0).UTC()}, nil
}

// Sign makes such a signature.
func Sign(key ed25519.PrivateKey, kid string, stable []byte, s Signed) string {
	head, _ := json.Marshal(map[string]any{"alg": "EdDSA", "typ": typ, "kid": kid, "tenant": s.Tenant, "rev": s.Revision, "iat": s.At.Unix()})
	text := base64.RawURLEncoding.EncodeToString(head)
	sig := ed25519.Sign(key, []byte(text+"."+base64.RawURLEncoding.EncodeToString(stable)))
	return text + ".." + base64.RawURLEncoding.EncodeToString(sig)
}
