package identity

import (
	"context"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// Refresh is one look of Watch.
func (v *Verifier) Refresh(ctx context.Context) { v.refresh(ctx) }

// NewVerifierOfSet is NewVerifier without the disk, for fuzzing.
func NewVerifierOfSet(c JWTConfig, set string) (*Verifier, error) {
	alg, err := algorithmNamed(c.Algorithm)
	if err != nil {
		return nil, err
	}
	keys, err := alg.parseJWKS([]byte(set))
	if err != nil {
		return nil, err
	}
	signature, err := jws.NewVerifier(jwa.SignatureAlgorithm(alg.name))
	v := &Verifier{config: c, algorithm: alg, signature: signature}
	v.keys.Store(keys)
	return v, err
}
