package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/witness"
)

// scopeAdmin is the role that openapi.yaml asks for on /v1/admin.
const scopeAdmin = "admin"

// caller is who a credential belongs to.
type caller struct {
	witness.Identity
	method  model.AuthMethod
	admin   bool
	key     uuid.UUID // the API key; zero for a JWT
	expires time.Time // of the credential; zero is never
}

// door is what a request shows to be let in, and what its operation asks for.
type door struct {
	header       http.Header
	peer         string
	requirements openapi3.SecurityRequirements
}

// credential is what opened the door, as the receipts keep it: the member of that
// name of StartupSession.
type credential struct {
	APIKeyID uuid.UUID `json:"api_key_id,omitzero"`
	Issuer   string    `json:"issuer,omitempty"`
	Subject  string    `json:"subject,omitempty"`
}

// authenticate tries the security requirements of an operation in order, the
// bearer token first as openapi.yaml lists them. The first that opens the door
// names the caller; an operation without requirements is open.
func (s *Server) authenticate(ctx context.Context, q store.Queries, d door, fresh bool) (who caller, err error) {
	var refusals []error
	for _, requirement := range d.requirements {
		for scheme, scopes := range requirement { // each names one
			known, err := s.try(ctx, q, d, scheme, scopes, fresh)
			if err == nil {
				return known, nil
			}
			refusals = append(refusals, err)
			if known.PrincipalKey != "" {
				who = known // whom it refuses, for the log
			}
		}
	}
	err = refusal(refusals)
	if errs.Is(err, errs.Unauthenticated) && !errors.Is(err, errNoCredential) { // who sends none guesses nothing
		if limited := s.guesses.failed(senders(d.peer, d.header.Get(s.keyHeader))); limited != nil {
			return who, limited
		}
	}
	return who, err
}

var errNoCredential = errors.New("no credential")

func (s *Server) try(ctx context.Context, q store.Queries, d door, scheme string, scopes []string, fresh bool) (caller, error) {
	name, read := s.keyHeader, s.byAPIKey
	if scheme == "bearerAuth" {
		name, read = "Authorization", s.byToken
	}
	shown := d.header.Get(name)
	if shown == "" {
		return caller{}, identity.Unauthenticated(errNoCredential)
	}
	who, err := s.callers.get(scheme, shown, fresh, func(known bool) (caller, error) { return read(ctx, q, d.peer, shown, known) })
	if err != nil {
		return who, err
	}
	if who.key != uuid.Nil {
		s.LastUsed.Touch(who.key)
	}
	if slices.Contains(scopes, scopeAdmin) && !who.admin {
		return who, errs.New(errs.Forbidden, "principal %q is no admin", who.PrincipalKey)
	}
	return who, nil
}

func (s *Server) byToken(ctx context.Context, q store.Queries, _, header string, _ bool) (caller, error) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return caller{}, identity.Unauthenticated(errors.New("no bearer token"))
	}
	claims, err := s.Verifier.Verify(strings.TrimSpace(token))
	if err != nil {
		return caller{}, err
	}
	row, err := q.GetIdentityBySubject(ctx, claims.Subject)
	if store.IsNotFound(err) {
		return caller{}, errs.New(errs.Forbidden, "the token's subject is no active principal")
	}
	if err != nil {
		return caller{}, err
	}
	who := caller{method: model.AuthMethodJwt, expires: claims.ExpiresAt}
	return s.asPrincipal(who, row, credential{Issuer: claims.Issuer, Subject: claims.Subject})
}

func (s *Server) byAPIKey(ctx context.Context, q store.Queries, peer, header string, known bool) (caller, error) {
	hash, err := identity.HashAPIKey(header)
	if err != nil {
		return caller{}, err
	}
	if !known {
		if err := s.guesses.admit(ctx, senders(peer, header), hash); err != nil {
			return caller{}, err
		}
	}
	row, err := q.GetIdentityByKeyHash(ctx, hash)
	if store.IsNotFound(err) {
		return caller{}, identity.Unauthenticated(errors.New("unknown API key"))
	}
	if err != nil {
		return caller{}, err
	}
	if row.KeyStatus != string(model.APIKeyStatusActive) {
		return caller{}, identity.Unauthenticated(errors.New("revoked API key"))
	}
	who := caller{method: model.AuthMethodAPIKey, key: row.KeyID}
	if row.KeyExpiresAt != nil {
		who.expires = *row.KeyExpiresAt
		if !who.expires.After(s.Now()) {
			return caller{}, identity.Unauthenticated(errors.New("expired API key"))
		}
	}
	return s.asPrincipal(who, store.GetIdentityBySubjectRow{
		ID: row.ID, TenantKey: row.TenantKey, PrincipalKey: row.PrincipalKey, PrincipalType: row.PrincipalType, Status: row.Status,
		Epoch: row.Epoch, ProfileID: row.ProfileID, ManifestID: row.ManifestID, Overrides: row.Overrides,
	}, credential{APIKeyID: row.KeyID})
}

func (s *Server) asPrincipal(who caller, row store.GetIdentityBySubjectRow, by credential) (caller, error) {
	if row.Status != string(model.PrincipalStatusActive) {
		return caller{}, errs.New(errs.Forbidden, "principal %q is disabled", row.PrincipalKey)
	}
	who.admin = row.PrincipalType == admin.TypeAdmin || slices.Contains(s.AdminPrincipalKeys, row.PrincipalKey)
	who.Identity = witness.Identity{
		ID: row.ID, TenantKey: row.TenantKey, PrincipalKey: row.PrincipalKey, Epoch: row.Epoch,
		ProfileID: row.ProfileID, ManifestID: row.ManifestID, Overrides: row.Overrides,
		Memo: new(witness.Memo),
	}
	var err error
	who.Credential, err = json.Marshal(by)
	return who, err
}

// refusal picks what to answer when no requirement opened the door: a database
// that doesn't answer before "you may not" before "who are you". The log is told
// what was wrong with each credential that was sent.
func refusal(all []error) error {
	if all == nil {
		return nil
	}
	var worst *errs.Error
	cause := errNoCredential
	for _, one := range all {
		switch e := errs.From(store.Classify(one)); {
		case e.Code == errs.Unauthenticated && errors.Is(cause, errNoCredential):
			cause = e.Cause
		case e.Code == errs.Unauthenticated && !errors.Is(e, errNoCredential):
			cause = fmt.Errorf("%w; %w", cause, e.Cause)
		case e.Code == errs.Unauthenticated:
		case e.Code == errs.Forbidden, e.Code == errs.TooManyRequests && worst == nil:
			worst = e
		case e.Code != errs.TooManyRequests:
			return e
		}
	}
	if worst != nil {
		return worst
	}
	return identity.Unauthenticated(cause)
}
