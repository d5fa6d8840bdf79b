// Package idp is an issuer of tokens for tests: it has keys, rotates them, publishes
// them, can be away, and knows how its tokens are attacked.
package idp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
)

// Issuer signs tokens with RS256, ES256 or EdDSA, and serves discovery and key set.
type Issuer struct {
	URL     string // what it calls itself: iss, and what discovery says
	Use     string // of its keys: sig, or jwt-svid for a SPIFFE bundle
	Alg     string
	Fetches atomic.Int64 // of the key set
	Away    atomic.Bool  // it answers 503

	mu   sync.Mutex
	made int
	keys []key // the last one signs
}

type key struct {
	kid    string
	signer crypto.Signer
}

// New makes an issuer with one key.
func New(alg string) *Issuer {
	i := &Issuer{Alg: alg, Use: "sig"}
	i.Rotate()
	return i
}

// Rotate makes a new key, which signs from now on; the one before stays published.
func (i *Issuer) Rotate() {
	signer := newKey(i.Alg)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.made++
	i.keys = append(i.keys[max(0, len(i.keys)-1):], key{kid: fmt.Sprintf("key-%d", i.made), signer: signer})
}

// Withdraw takes all keys back but the one that signs.
func (i *Issuer) Withdraw() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = i.keys[len(i.keys)-1:]
}

func newKey(alg string) (signer crypto.Signer) {
	var err error
	switch alg {
	case "ES256":
		signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, signer, err = ed25519.GenerateKey(rand.Reader)
	default:
		signer, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		panic(err)
	}
	return signer
}

// KeySet is the JWK Set of its keys.
func (i *Issuer) KeySet() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	var keys []map[string]any
	for _, k := range i.keys {
		jwk := publicJWK(k.signer)
		jwk["kid"], jwk["use"] = k.kid, i.Use
		if i.Use == "sig" {
			jwk["alg"] = i.Alg
		}
		keys = append(keys, jwk)
	}
	return marshal(map[string]any{"keys": keys})
}

func publicJWK(signer crypto.Signer) map[string]any {
	switch k := signer.Public().(type) {
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "n": b64(k.N.Bytes()), "e": "AQAB"}
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			panic(err)
		}
		return map[string]any{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}
	case ed25519.PublicKey:
		return map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64(k)}
	}
	panic("no such key")
}

// publicPEM is the key as a file has it.
func publicPEM(signer crypto.Signer) string {
	der, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// Discovery and Keys are where ServeHTTP answers.
const (
	Discovery = "/.well-known/openid-configuration"
	Keys      = "/keys"
)

// ServeHTTP implements http.Handler.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == Keys {
		i.Fetches.Add(1)
	}
	switch {
	case i.Away.Load():
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.URL.Path == Keys:
		_, _ = w.Write(i.KeySet())
	case r.URL.Path == Discovery:
		_, _ = w.Write(marshal(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + Keys}))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// Token signs claims with the newest key; header replaces members, nil takes one out.
func (i *Issuer) Token(claims map[string]any, header ...map[string]any) string {
	i.mu.Lock()
	k := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	h := map[string]any{"alg": i.Alg, "kid": k.kid, "typ": "JWT"}
	for _, change := range header {
		h = With(h, change)
	}
	return seal(k.signer, marshal(h), marshal(claims))
}

// With is a set of claims, or of a header's members, with some replaced; nil takes one out.
func With(claims, change map[string]any) map[string]any {
	out := make(map[string]any, len(claims)+len(change))
	maps.Copy(out, claims)
	for name, value := range change {
		if out[name] = value; value == nil {
			delete(out, name)
		}
	}
	return out
}

// seal signs a header and a payload, whatever they are.
func seal(signer crypto.Signer, header, payload []byte) string {
	signed := b64(header) + "." + b64(payload)
	digest := sha256.Sum256([]byte(signed))
	var signature []byte
	var err error
	switch k := signer.(type) {
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, digest[:])
	case *ecdsa.PrivateKey:
		r, s, failed := ecdsa.Sign(rand.Reader, k, digest[:])
		if err = failed; err == nil {
			signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	case ed25519.PrivateKey:
		signature = ed25519.Sign(k, []byte(signed))
	}
	if err != nil {
		panic(err)
	}
	return signed + "." + b64(signature)
}

func sealHMAC(secret string, header, payload []byte) string {
	signed := b64(header) + "." + b64(payload)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + b64(mac.Sum(nil))
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
