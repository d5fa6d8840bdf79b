package identity

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/lestrrat-go/jwx/v2/jwt"
)

// leeway is how far the issuer's clock may run ahead of ours. It applies to nbf
// and iat only: exp is the issuer's promise to the world and is kept to the second.
const leeway = 30 * time.Second

// lastDate is the end of the year 9999: a date in milliseconds lies beyond it.
const lastDate = 253402300799

// Claims is what a verified token says.
type Claims struct {
	// Subject is sub: 1–255 characters, no control characters (contract section 2).
	Subject string

	// Issuer is iss, empty where there is none that could be written down.
	Issuer string

	// ExpiresAt is exp in whole seconds, in UTC; always later than the moment of
	// verification.
	ExpiresAt time.Time
}

// checkClaims checks the claims of a payload whose signature is good (RFC 7519
// section 4.1) as contract section 3 wants them.
func (v *Verifier) checkClaims(payload []byte) (Claims, error) {
	token := jwt.New()
	if err := json.Unmarshal(payload, token); err != nil {
		return Claims{}, fmt.Errorf("jwt: the payload is not an object of claims: %w", err)
	}
	claims := Claims{Subject: token.Subject(), Issuer: token.Issuer(), ExpiresAt: token.Expiration()}
	switch {
	case !validSubject(claims.Subject):
		return Claims{}, errors.New("jwt: sub is not a string of 1 to 255 characters without control characters")
	case claims.ExpiresAt.Unix() > lastDate:
		return Claims{}, errors.New("jwt: exp is not in seconds")
	case !v.config.Now().Before(claims.ExpiresAt): // jwx would add the leeway, and take 0 for no exp
		return Claims{}, errors.New("jwt: expired, or without exp")
	}
	rules := []jwt.ValidateOption{jwt.WithClock(jwt.ClockFunc(v.config.Now)), jwt.WithAcceptableSkew(leeway)}
	if v.config.Issuer != "" {
		rules = append(rules, jwt.WithIssuer(v.config.Issuer))
	}
	if v.config.Audience != "" {
		rules = append(rules, jwt.WithAudience(v.config.Audience))
	}
	if err := jwt.Validate(token, rules...); err != nil {
		return Claims{}, fmt.Errorf("jwt: %w", err)
	}
	if !validSubject(claims.Issuer) {
		claims.Issuer = ""
	}
	return claims, nil
}

// validSubject refuses U+FFFD too: a lone surrogate decodes to it, and two
// different subjects must not become one.
func validSubject(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= 1 && n <= 255 && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == utf8.RuneError
	})
}
