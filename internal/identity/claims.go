package identity

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// leeway is how far the issuer's clock may run ahead of ours. It applies to nbf
// and iat only: exp is the issuer's promise to the world and is kept to the second.
const leeway = 30 * time.Second

// Claims is what a verified token says.
type Claims struct {
	// Subject is sub: 1–255 characters, no control characters (contract section 2).
	Subject string

	// Issuer is iss, empty where there is none that could be written down.
	Issuer string

	// ExpiresAt is exp, in UTC; always later than the moment of verification.
	ExpiresAt time.Time
}

// checkClaims checks the claims of RFC 7519 section 4.1 as contract section 3
// wants them. Claims that it does not name are ignored.
func (v *Verifier) checkClaims(payload []byte) (Claims, error) {
	object, err := parseObject(payload)
	if err != nil {
		return Claims{}, err
	}
	subject, ok := parseText(object["sub"])
	if !ok || !validSubject(subject) {
		return Claims{}, errors.New("jwt: sub is not a string of 1 to 255 characters without control characters")
	}
	now := v.config.Now()
	expires, ok := parseDate(object["exp"])
	if !ok {
		return Claims{}, errors.New("jwt: exp is not a date")
	}
	if !now.Before(expires) {
		return Claims{}, errors.New("jwt: expired")
	}
	for _, name := range []string{"nbf", "iat"} {
		if raw, ok := object[name]; ok {
			if date, ok := parseDate(raw); !ok || date.After(now.Add(leeway)) {
				return Claims{}, errors.New("jwt: " + name + " is in the future or not a date")
			}
		}
	}
	iss, ok := parseText(object["iss"])
	if issuer := v.config.Issuer; issuer != "" && (!ok || iss != issuer) {
		return Claims{}, errors.New("jwt: iss is not JWT_ISSUER")
	}
	if !validSubject(iss) {
		iss = ""
	}
	if audience := v.config.Audience; audience != "" && !meantFor(object["aud"], audience) {
		return Claims{}, errors.New("jwt: aud is not JWT_AUDIENCE")
	}
	return Claims{Subject: subject, Issuer: iss, ExpiresAt: expires}, nil
}

// meantFor reports whether aud, a string or a list of them, names the audience.
func meantFor(aud json.RawMessage, audience string) bool {
	if one, ok := parseText(aud); ok {
		return one == audience
	}
	list, ok := parseTexts(aud)
	return ok && slices.Contains(list, audience)
}

// validSubject refuses U+FFFD too: a lone surrogate decodes to it, and two
// different subjects must not become one.
func validSubject(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= 1 && n <= 255 && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == utf8.RuneError
	})
}
