package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

	// AuthSubject is the auth_subject of the principal that the token speaks for,
	// in the same bounds; empty where that is Subject.
	AuthSubject string

	// Issuer is iss, empty where there is none that could be written down.
	Issuer string

	// ExpiresAt is exp in whole seconds, in UTC; always later than the moment of
	// verification.
	ExpiresAt time.Time
}

// expected is what the claims of a token must be.
type expected struct {
	issuer    string   // empty: not checked
	audiences []string // one of them must be in aud; none: not checked
	now       func() time.Time
}

// check checks the claims of a payload whose signature is good (RFC 7519
// section 4.1) as contract section 3 wants them.
func (want expected) check(payload []byte) (Claims, error) {
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
	case !want.now().Before(claims.ExpiresAt): // jwx would add the leeway, and take 0 for no exp
		return Claims{}, errors.New("jwt: expired, or without exp")
	}
	rules := []jwt.ValidateOption{jwt.WithClock(jwt.ClockFunc(want.now)), jwt.WithAcceptableSkew(leeway)}
	if want.issuer != "" {
		rules = append(rules, jwt.WithIssuer(want.issuer))
	}
	if len(want.audiences) > 0 {
		rules = append(rules, jwt.WithValidator(jwt.ValidatorFunc(want.heard)))
	}
	if err := jwt.Validate(token, rules...); err != nil {
		return Claims{}, fmt.Errorf("jwt: %w", err)
	}
	if !validSubject(claims.Issuer) {
		claims.Issuer = ""
	}
	return claims, nil
}

// heard demands one of the audiences in aud.
func (want expected) heard(_ context.Context, token jwt.Token) jwt.ValidationError {
	if slices.ContainsFunc(token.Audience(), func(aud string) bool { return slices.Contains(want.audiences, aud) }) {
		return nil
	}
	return jwt.NewValidationError(errors.New("aud is not satisfied"))
}

// validSubject refuses U+FFFD too: a lone surrogate decodes to it, and two
// different subjects must not become one.
func validSubject(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= 1 && n <= 255 && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == utf8.RuneError
	})
}
