package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/auth"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// scopeAdmin is the role that openapi.yaml asks for on /v1/admin.
const scopeAdmin = "admin"

// authenticate tries the security requirements of an operation in order, the
// bearer token first as openapi.yaml lists them. The first that opens the door
// names the caller; an operation without requirements is open.
func (s *Server) authenticate(r *http.Request, requirements openapi3.SecurityRequirements) error {
	var refusals []error
	for _, requirement := range requirements {
		for scheme, scopes := range requirement { // each names one
			err := s.try(r, scheme, scopes)
			if err == nil {
				return nil
			}
			refusals = append(refusals, err)
		}
	}
	return refusal(refusals)
}

func (s *Server) try(r *http.Request, scheme string, scopes []string) (err error) {
	var who caller
	if scheme == "bearerAuth" {
		who, err = s.byToken(r.Context(), r.Header.Get("Authorization"))
	} else {
		who, err = s.byAPIKey(r.Context(), r.Header.Get(s.APIKeyHeader))
	}
	if err != nil {
		return err
	}
	callOf(r.Context()).caller = who
	if slices.Contains(scopes, scopeAdmin) && !who.admin {
		return errs.New(errs.Forbidden, "principal %q is no admin", who.PrincipalKey)
	}
	return nil
}

func (s *Server) byToken(ctx context.Context, header string) (caller, error) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return caller{}, auth.Unauthenticated(errors.New("no bearer token"))
	}
	claims, err := s.Verifier.Verify(strings.TrimSpace(token))
	if err != nil {
		return caller{}, err
	}
	p, err := s.Store.GetPrincipalBySubject(ctx, claims.Subject)
	if store.IsNotFound(err) {
		return caller{}, errs.New(errs.Forbidden, "the token's subject is no active principal")
	}
	if err != nil {
		return caller{}, err
	}
	return s.callerOf(p, api.AuthMethodJwt)
}

func (s *Server) byAPIKey(ctx context.Context, header string) (caller, error) {
	hash, err := auth.HashAPIKey(header)
	if err != nil {
		return caller{}, err
	}
	row, err := s.Store.GetPrincipalByKeyHash(ctx, hash)
	if store.IsNotFound(err) {
		return caller{}, auth.Unauthenticated(errors.New("unknown API key"))
	}
	if err != nil {
		return caller{}, err
	}
	if row.KeyStatus != string(api.APIKeyStatusActive) {
		return caller{}, auth.Unauthenticated(errors.New("revoked API key"))
	}
	if row.KeyExpiresAt != nil && !row.KeyExpiresAt.After(s.Now()) {
		return caller{}, auth.Unauthenticated(errors.New("expired API key"))
	}
	s.LastUsed.Touch(row.KeyID)
	return s.callerOf(store.Principal{
		ID: row.ID, TenantKey: row.TenantKey, PrincipalKey: row.PrincipalKey, AuthSubject: row.AuthSubject,
		PrincipalType: row.PrincipalType, Status: row.Status, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
	}, api.AuthMethodAPIKey)
}

func (s *Server) callerOf(p store.Principal, method api.AuthMethod) (caller, error) {
	if p.Status != string(api.PrincipalStatusActive) {
		return caller{}, errs.New(errs.Forbidden, "principal %q is disabled", p.PrincipalKey)
	}
	isAdmin := p.PrincipalType == admin.TypeAdmin || slices.Contains(s.AdminPrincipalKeys, p.PrincipalKey)
	return caller{Principal: p, method: method, admin: isAdmin}, nil
}

// refusal picks what to answer when no requirement opened the door: a database
// that doesn't answer before "you may not" before "who are you".
func refusal(all []error) error {
	if all == nil {
		return nil
	}
	worst := auth.Unauthenticated(errors.Join(all...))
	for _, one := range all {
		switch e := errs.From(store.Classify(one)); e.Code {
		case errs.Unauthenticated:
		case errs.Forbidden:
			worst = e
		default:
			return e
		}
	}
	return worst
}
