// Package issuers knows whose tokens are believed beside those of JWT_SECRET: the
// issuers that ISSUERS_FILE names, each with keys that are fetched beside the requests,
// with rules for what its tokens must say, and with a template for whom they speak.
//
// A request never waits for an issuer. Keys stay good for a day without it.
package issuers

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
)

// Set is the issuers of a file, and in their background whoever vouched for tokens
// before there were any. It is an [identity.Tokens].
type Set struct {
	fallback identity.Tokens
	all      []*issuer
	byIss    map[string]*issuer
	byDomain map[string]*issuer // SPIFFE trust domains whose tokens have no iss
	renewed  atomic.Uint64
}

var _ identity.Tokens = (*Set)(nil)

// issuer is one that is trusted.
type issuer struct {
	name     string
	trusted  identity.Trusted
	domain   string // SPIFFE: sub is an ID of this trust domain; empty for others
	subject  template
	required []requirement
	foreign  []string // what its subjects must not begin with: what is other issuers'
	ring     *keyring
}

// Enabled reports whether any token can be accepted: by issuers whose keys are yet to
// come, too.
func (s *Set) Enabled() bool { return len(s.all) > 0 || s.fallback.Enabled() }

// Generation changes when keys do.
func (s *Set) Generation() uint64 { return s.renewed.Load() + s.fallback.Generation() }

// Verify hands a token to the issuer that it names, exactly, and to the fallback
// only where it names none of the file's.
func (s *Set) Verify(token string) (identity.Claims, error) {
	u, err := identity.ReadUnverified(token)
	if err != nil {
		return identity.Claims{}, err
	}
	if i := s.named(u); i != nil {
		return i.verify(u)
	}
	if !s.fallback.Enabled() {
		return identity.Claims{}, identity.Unauthenticated(errors.New("jwt: no issuer of ISSUERS_FILE is its iss"))
	}
	return s.fallback.Verify(token)
}

func (s *Set) named(u *identity.Unverified) *issuer {
	if iss, ok := u.Issuer(); ok {
		return s.byIss[iss]
	}
	return s.byDomain[domainOf(u.Subject())]
}

func (i *issuer) verify(u *identity.Unverified) (identity.Claims, error) {
	now := i.trusted.Now()
	keys, until := i.ring.good(now)
	claims, payload, err := i.trusted.Verify(keys, u)
	switch {
	case errors.Is(err, identity.ErrNoKeys), errors.Is(err, identity.ErrUnknownKid) && i.ring.look(now):
		return identity.Claims{}, errs.Wrap(i.blame(err), errs.Unavailable, "the keys of the token's issuer are not known yet")
	case err != nil:
		return identity.Claims{}, identity.Unauthenticated(i.blame(err))
	}
	if claims.AuthSubject, err = i.speaksFor(claims, payload); err != nil {
		return identity.Claims{}, identity.Unauthenticated(i.blame(err))
	}
	if !until.IsZero() && until.Before(claims.ExpiresAt) {
		claims.ExpiresAt = until // who is remembered longer would outlive the keys
	}
	return claims, nil
}

// blame says for the log whose token it was.
func (i *issuer) blame(err error) error { return errors.New("issuer " + i.name + ": " + err.Error()) }

// speaksFor holds what a token says against the issuer's rules, and names the
// auth_subject that it speaks for.
func (i *issuer) speaksFor(claims identity.Claims, payload []byte) (string, error) {
	if i.domain != "" && domainOf(claims.Subject) != i.domain {
		return "", errors.New("jwt: sub is no SPIFFE ID of the trust domain")
	}
	members, err := parse(payload)
	if err != nil {
		return "", err
	}
	for _, r := range i.required {
		if err := r.check(members); err != nil {
			return "", err
		}
	}
	subject, err := i.subject.render(members)
	if err != nil {
		return "", err
	}
	if !identity.ValidSubject(subject) {
		return "", errors.New("jwt: the auth_subject has not 1 to 255 characters, or control characters")
	}
	for _, prefix := range i.foreign {
		if strings.HasPrefix(subject, prefix) {
			return "", errors.New("jwt: the auth_subject begins with " + prefix + ", which is another issuer's")
		}
	}
	return subject, nil
}

// Run keeps the keys of all issuers fresh until ctx ends.
func (s *Set) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, i := range s.all {
		all.Go(func() { i.ring.run(ctx) })
	}
	all.Wait()
}

// Ready says of each issuer whether its tokens can be verified.
func (s *Set) Ready() []model.IssuerReadiness {
	out := make([]model.IssuerReadiness, len(s.all))
	for n, i := range s.all {
		out[n] = model.IssuerReadiness{Name: i.name, Keys: i.ring.state(i.trusted.Now())}
	}
	return out
}

// Count is what an issuer's keys and fetches come to.
type Count struct {
	Keys     int       // that are good now
	Renewed  time.Time // when they were last fetched; zero for never
	Fetches  int64     // all of them
	Failures int64
}

// Names are the issuers' in the order of the file.
func (s *Set) Names() []string {
	out := make([]string, len(s.all))
	for n, i := range s.all {
		out[n] = i.name
	}
	return out
}

// Counts are those of each issuer, by the order of [Set.Names].
func (s *Set) Counts() []Count {
	out := make([]Count, len(s.all))
	for n, i := range s.all {
		out[n] = i.ring.counts(i.trusted.Now())
	}
	return out
}
