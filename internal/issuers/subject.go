package issuers

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// template makes an auth_subject of claims: texts, and between them claims.
type template struct {
	text  string
	parts []part
}

type part struct {
	literal string
	claim   place // where literal is empty
}

// templateOf reads text with ${CLAIM} in it, CLAIM a name or a JSON Pointer; $$ is a $.
func templateOf(text string) (template, error) {
	t := template{text: text}
	literal := func(s string) {
		if n := len(t.parts); n > 0 && t.parts[n-1].literal != "" {
			t.parts[n-1].literal += s
		} else if s != "" {
			t.parts = append(t.parts, part{literal: s})
		}
	}
	claims := false
	for rest := text; rest != ""; {
		before, after, found := strings.Cut(rest, "$")
		literal(before)
		if !found {
			break
		}
		if after, ok := strings.CutPrefix(after, "$"); ok {
			literal("$")
			rest = after
			continue
		}
		inner, ok := strings.CutPrefix(after, "{")
		name, after, closed := strings.Cut(inner, "}")
		if !ok || !closed {
			return t, errors.New("has a $ that begins no ${CLAIM}: write $$ for one")
		}
		at, err := placeOf(name)
		if err != nil {
			return t, err
		}
		t.parts, claims, rest = append(t.parts, part{claim: at}), true, after
	}
	if !claims {
		return t, errors.New("names no claim, so all tokens would speak for one principal: write ${sub} or another")
	}
	return t, nil
}

// prefix is what every subject begins with.
func (t template) prefix() string { return t.parts[0].literal }

func (t template) render(claims jsontext.Value) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.literal != "" {
			b.WriteString(p.literal)
			continue
		}
		text, ok := scalar(p.claim.of(claims))
		if !ok || text == "" {
			return "", fmt.Errorf("jwt: the claim %s, of which the auth_subject is made, is missing or no text", p.claim.text)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// domainOf is the trust domain of a workload's SPIFFE ID (SPIFFE-ID, section 2), empty
// for what is none.
func domainOf(id string) string {
	rest, ok := strings.CutPrefix(id, "spiffe://")
	domain, path, hasPath := strings.Cut(rest, "/")
	if !ok || !hasPath || len(id) > 2048 || !isTrustDomain(domain) {
		return ""
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.ContainsFunc(segment, func(r rune) bool {
			return !lower(r) && (r < 'A' || r > 'Z')
		}) {
			return ""
		}
	}
	return domain
}

func isTrustDomain(s string) bool {
	return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool { return !lower(r) })
}

// lower are the characters of a trust domain.
func lower(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_'
}
