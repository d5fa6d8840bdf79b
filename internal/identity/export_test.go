package identity

import "context"

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
	v := &Verifier{config: c, algorithm: alg}
	v.keys.Store(keys)
	return v, nil
}
