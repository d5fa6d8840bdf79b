package server

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/auth"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// scopeAdmin is the role that openapi.yaml asks for on /v1/admin.
const scopeAdmin = "admin"

// authenticate tries one security scheme of an operation. The first that opens
// the door names the caller; openapi.yaml lists the bearer token first.
func (s *Server) authenticate(ctx context.Context, in *openapi3filter.AuthenticationInput) error {
	var who caller
	var err error
	header := in.RequestValidationInput.Request.Header
	switch in.SecuritySchemeName {
	case "bearerAuth":
		who, err = s.byToken(ctx, header.Get("Authorization"))
	default:
		who, err = s.byAPIKey(ctx, header.Get(s.APIKeyHeader))
	}
	if err != nil {
		return err
	}
	callOf(ctx).caller = who
	if slices.Contains(in.Scopes, scopeAdmin) && !who.admin {
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

// refusal picks what to answer when no scheme opened the door: a database that
// doesn't answer before "you may not" before "who are you".
func refusal(err error) error {
	var all *openapi3filter.SecurityRequirementsError
	if !errors.As(err, &all) {
		return err
	}
	worst := auth.Unauthenticated(err)
	for _, one := range all.Errors {
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
