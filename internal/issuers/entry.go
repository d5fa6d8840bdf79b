package issuers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/legivellum/metagate/internal/files"
	"github.com/legivellum/metagate/internal/identity"
)

// names are what logs, metrics and subjects call an issuer.
var names = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// typesOfSVIDs are the typ of a JWT-SVID (section 2.3).
var typesOfSVIDs = []string{"JWT", "JOSE"}

func (c Config) add(s *Set, e *entry, n int) error {
	refuse := func(member, format string, args ...any) error {
		at := fmt.Sprintf("/issuers/%d", n)
		if member != "" {
			at += "/" + member
		}
		return &wrong{at, fmt.Errorf(format, args...)}
	}
	switch {
	case !names.MatchString(e.Name) || e.Name == "spiffe":
		return refuse("name", "%q is no name: give one of 1 to 63 a-z 0-9 -, not spiffe", e.Name)
	case slices.Contains(s.Names(), e.Name):
		return refuse("name", "another issuer is named %q, too", e.Name)
	case len(e.Audience) == 0 || slices.Contains(e.Audience, ""):
		return refuse("audience", "missing: without it a token that was made for any other service opens this one")
	case e.Issuer == "" && e.TrustDomain == "":
		return refuse("issuer", "missing: give the iss of its tokens")
	case e.Issuer != "" && e.Issuer == c.Taken:
		return refuse("issuer", "it is JWT_ISSUER, too: unset that, or leave it out here")
	case e.Issuer != "" && s.byIss[e.Issuer] != nil:
		return refuse("issuer", "%s has that iss, too", s.byIss[e.Issuer].name)
	}
	i := &issuer{name: e.Name, domain: e.TrustDomain, trusted: identity.Trusted{
		Algorithms: e.Algorithms, Issuer: e.Issuer, Audiences: e.Audience, Now: c.Now,
	}}
	if len(e.Algorithms) == 0 {
		i.trusted.Algorithms = []string{"RS256"} // which each OpenID provider has
	}
	subject := e.Name + ":${sub}"
	if e.TrustDomain != "" {
		if !isTrustDomain(e.TrustDomain) {
			return refuse("spiffe_trust_domain", "%q is no trust domain: a-z 0-9 . - _", e.TrustDomain)
		}
		if e.Issuer == "" && s.byDomain[e.TrustDomain] != nil {
			return refuse("spiffe_trust_domain", "it is that of %s, too", s.byDomain[e.TrustDomain].name)
		}
		if len(e.Algorithms) == 0 {
			i.trusted.Algorithms = slices.DeleteFunc(identity.AsymmetricAlgorithms(), func(a string) bool { return a == "EdDSA" }) // JWT-SVID, section 2.2
		}
		i.trusted.Types, subject = typesOfSVIDs, "${sub}"
	}
	for n, a := range i.trusted.Algorithms {
		if !slices.Contains(identity.AsymmetricAlgorithms(), a) {
			return refuse(fmt.Sprintf("algorithms/%d", n), "%q is none of %s", a, strings.Join(identity.AsymmetricAlgorithms(), ", "))
		}
	}
	var err error
	if i.subject, err = templateOf(cmp.Or(e.Subject, subject)); err != nil {
		return refuse("subject", "%w", err)
	}
	for _, claim := range slices.Sorted(maps.Keys(e.RequiredClaims)) {
		r, err := requirementOf(claim, e.RequiredClaims[claim])
		if err != nil {
			return refuse("required_claims/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(claim), "%w", err)
		}
		i.required = append(i.required, r)
	}
	from, member, err := c.source(e)
	if err != nil {
		return refuse(member, "%w", err)
	}
	if e.SPIFFEBundle != "" {
		i.trusted.Use = "jwt-svid"
	}
	i.ring = &keyring{
		name: e.Name, source: from, parse: i.trusted.ParseKeys, now: c.Now,
		renewed: func() { s.renewed.Add(1) }, asked: make(chan struct{}, 1),
	}
	if from.local {
		if err := i.ring.load(); err != nil {
			return refuse(member, "%w", err)
		}
	}
	s.all = append(s.all, i)
	if e.Issuer != "" {
		s.byIss[e.Issuer] = i
	} else {
		s.byDomain[e.TrustDomain] = i
	}
	return nil
}

// load reads keys from this host at the start.
func (k *keyring) load() error {
	ctx := context.Background()
	data, err := k.source.fetch(ctx)
	if err != nil {
		return err
	}
	keys, err := k.parse(data)
	if err != nil {
		return err
	}
	k.take(ctx, keys, k.now())
	return nil
}

// source is where the keys of an issuer come from, and the member that says so.
func (c Config) source(e *entry) (from source, member string, err error) {
	given := map[string]string{"discovery": e.Discovery, "jwks_uri": e.JWKSURI, "jwks_file": e.JWKSFile, "spiffe_bundle": e.SPIFFEBundle}
	maps.DeleteFunc(given, func(_, value string) bool { return value == "" })
	members := slices.Sorted(maps.Keys(given))
	switch {
	case len(members) > 1:
		return source{}, members[1], fmt.Errorf("%s is set, too: keys come from one of them", members[0])
	case e.SPIFFEBundle != "" && e.TrustDomain == "":
		return source{}, "spiffe_bundle", errors.New("needs spiffe_trust_domain beside it")
	case e.Issuer == "" && (len(members) == 0 || e.Discovery != ""):
		return source{}, "issuer", errors.New("missing: discovery goes by it; for a trust domain without one give spiffe_bundle")
	case len(members) == 0:
		member, given = "issuer", map[string]string{"issuer": strings.TrimSuffix(e.Issuer, "/") + discoverAt}
	default:
		member = members[0]
	}
	where := given[member]
	if member == "jwks_file" || member == "spiffe_bundle" && !strings.Contains(where, "://") {
		if e.CAFile != "" || e.TokenFile != "" {
			return source{}, member, errors.New("is a file: ca_file and token_file are for keys that are fetched")
		}
		path := c.beside(where)
		return source{local: true, from: path, fetch: func(context.Context) ([]byte, error) {
			data, err := files.Read(path)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			return data, nil
		}}, member, nil
	}
	u, err := secureURL(where, c.Plain)
	if err != nil {
		return source{}, member, err
	}
	r := &remote{issuer: e.Issuer, caFile: c.beside(e.CAFile), tokenFile: c.beside(e.TokenFile), home: u.Scheme + "://" + u.Host, plain: c.Plain, transport: c.transport}
	if member == "issuer" || member == "discovery" {
		r.discovery = where
	} else {
		r.keys = where
	}
	return source{fetch: r.fetch, from: where}, member, nil
}

// beside is a path as the file means it: from its own directory.
func (c Config) beside(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.File), path)
}
