package identity

import (
	"errors"
	"fmt"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwt"
)

// Sign makes a token for testing, issued now and valid for ttl (at least one
// second, rounded down to whole ones). The algorithm is HS256, HS384 or HS512,
// empty meaning HS256; the secret follows the rules of [JWTConfig], and may be
// [DefaultSecret], which only a server in DEBUG accepts. An empty issuer or
// audience is left out. An error is one line that says what to change.
func Sign(secret, algorithm, subject string, ttl time.Duration, issuer, audience string, now time.Time) (string, error) {
	if alg, err := algorithmNamed(algorithm); err == nil && alg.kty == ktyOct && secret != "" {
		if err := alg.checkSecret(secret); err != nil {
			return "", err
		}
	}
	return SignShort(secret, algorithm, subject, ttl, issuer, audience, now)
}

// SignShort is [Sign] with a secret of any length, as only a server in DEBUG accepts it.
func SignShort(secret, algorithm, subject string, ttl time.Duration, issuer, audience string, now time.Time) (string, error) {
	alg, err := algorithmNamed(algorithm)
	switch {
	case err != nil:
		return "", err
	case alg.kty != ktyOct:
		return "", fmt.Errorf("JWT_ALGORITHM %s: only HS256, HS384 and HS512 tokens can be made here, ask the key's owner for one", alg.name)
	case secret == "":
		return "", errors.New("JWT_SECRET is unset: set it to the server's")
	case !validSubject(subject):
		return "", errors.New("the subject must have 1 to 255 characters and no control characters")
	case ttl < time.Second:
		return "", errors.New("the ttl must be at least 1s")
	}
	issued := now.Truncate(time.Second)
	claims := jwt.NewBuilder().Subject(subject).IssuedAt(issued).Expiration(issued.Add(ttl))
	if issuer != "" {
		claims.Issuer(issuer)
	}
	if audience != "" {
		claims.Audience([]string{audience})
	}
	token, err := claims.Build()
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	signed, err := jwt.Sign(token, jwt.WithKey(jwa.SignatureAlgorithm(alg.name), []byte(secret)))
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return string(signed), nil
}
