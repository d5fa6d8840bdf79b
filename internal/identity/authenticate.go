package identity

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// Options are what a Service is made of.
type Options struct {
	Store        *store.Store
	Verifier     Tokens
	Now          func() time.Time // UTC, whole microseconds
	Admins       Admins
	AnyTenant    bool   // ADMIN_ALLOW_CROSS_TENANT
	CacheBytes   uint64 // for who credentials belong to
	FailureBurst int    // AUTH_FAILURE_BURST
}

// Service knows who a credential belongs to.
type Service struct {
	Options
	LastUsed *LastUsed

	remembered *remembered
	guesses    *guesses
}

// New returns a service; LastUsed has to be run beside it.
func New(o Options) *Service {
	return &Service{
		Options: o, LastUsed: &LastUsed{Store: o.Store, Now: o.Now},
		remembered: newRemembered(o.CacheBytes, o.Now, o.Verifier.Generation),
		guesses: newGuesses(o.FailureBurst, o.Now, func(ctx context.Context) ([]string, error) {
			return o.Store.ListGoodKeyHashes(ctx, new(o.Now()))
		}),
	}
}

// Scheme is how a credential is shown: a securityScheme of openapi.yaml.
type Scheme string

// The schemes. A Bearer's text is the whole Authorization field.
const (
	Bearer            Scheme = "bearerAuth"
	APIKey            Scheme = "apiKeyAuth"
	ClientCertificate Scheme = "clientCertificate" // which a Door has, not a text
)

// Shown is a credential that a request shows; without a text it doesn't.
type Shown struct {
	Scheme Scheme
	Text   string
}

// Door is what a request shows to be let in, and what its operation asks for.
type Door struct {
	Shown       []Shown      // tried in this order; none at all is an open operation
	Certificate *Certificate // of the connection, tried last; nil for none
	Admin       bool         // only admins pass

	RequestID, RemoteAddr string
}

// Authenticate names the caller: the first credential that opens the door. With
// fresh it is read from q; else it may be remembered, which is good only for those
// whose statement checks the epoch. A caller is returned beside a refusal, too,
// where it is known whom it refuses.
func (s *Service) Authenticate(ctx context.Context, q store.Queries, d Door, fresh bool) (who Caller, err error) {
	var refusals []error
	for _, shown := range d.all() {
		known, err := s.try(ctx, q, d, shown, fresh)
		if err == nil {
			known.RequestID, known.RemoteAddr = d.RequestID, d.RemoteAddr
			known.Reread = func(ctx context.Context, q store.Queries) (Caller, error) { return s.Authenticate(ctx, q, d, true) }
			return known, nil
		}
		refusals = append(refusals, err)
		if known.PrincipalKey != "" {
			who = known // whom it refuses, for the log
		}
	}
	err = refusal(refusals)
	if errs.Is(err, errs.Unauthenticated) && !errors.Is(err, errNoCredential) { // who sends none guesses nothing
		if limited := s.guesses.failed(senders(d.RemoteAddr, d.apiKey())); limited != nil {
			return who, limited
		}
	}
	return who, err
}

func (d Door) apiKey() string {
	for _, shown := range d.Shown {
		if shown.Scheme == APIKey {
			return shown.Text
		}
	}
	return ""
}

var (
	errNoCredential = errors.New("no credential")
	errNothingShown = Unauthenticated(errNoCredential) // made once: most callers show one credential of two
)

func (s *Service) try(ctx context.Context, q store.Queries, d Door, shown Shown, fresh bool) (Caller, error) {
	if shown.Text == "" {
		return Caller{}, errNothingShown
	}
	who, err := s.remembered.get(shown, fresh, func(known bool) (Caller, error) {
		switch shown.Scheme {
		case Bearer:
			return s.byToken(ctx, q, shown.Text)
		case ClientCertificate:
			return s.byCertificate(ctx, q, d.Certificate)
		}
		return s.byAPIKey(ctx, q, d.RemoteAddr, shown.Text, known)
	})
	if err != nil {
		return who, err
	}
	if who.APIKeyID != uuid.Nil {
		s.LastUsed.Touch(who.APIKeyID)
	}
	if d.Admin && !who.Admin {
		return who, errs.New(errs.Forbidden, "principal %q is no admin", who.PrincipalKey)
	}
	return who, nil
}

// credential is what opened the door, as the receipts keep it: the member of that
// name of StartupSession.
type credential struct {
	APIKeyID uuid.UUID `json:"api_key_id,omitzero"`
	Issuer   string    `json:"issuer,omitempty"`
	Subject  string    `json:"subject,omitempty"`
	SHA256   string    `json:"certificate_sha256,omitempty"`
}

func (s *Service) byToken(ctx context.Context, q store.Queries, field string) (Caller, error) {
	scheme, token, _ := strings.Cut(field, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Caller{}, Unauthenticated(errors.New("no bearer token"))
	}
	claims, err := s.Verifier.Verify(strings.TrimSpace(token))
	if err != nil {
		return Caller{}, err
	}
	row, err := q.GetIdentityBySubject(ctx, cmp.Or(claims.AuthSubject, claims.Subject))
	if store.IsNotFound(err) {
		return Caller{}, errs.New(errs.Forbidden, "the token's subject is no active principal")
	}
	if err != nil {
		return Caller{}, err
	}
	who := Caller{Method: model.AuthMethodJwt, ExpiresAt: claims.ExpiresAt}
	return s.asPrincipal(who, row, credential{Issuer: claims.Issuer, Subject: claims.Subject})
}

func (s *Service) byAPIKey(ctx context.Context, q store.Queries, peer, key string, known bool) (Caller, error) {
	hash, err := HashAPIKey(key)
	if err != nil {
		return Caller{}, err
	}
	if !known {
		if err := s.guesses.admit(ctx, senders(peer, key), hash); err != nil {
			return Caller{}, err
		}
	}
	row, err := q.GetIdentityByKeyHash(ctx, hash)
	if store.IsNotFound(err) {
		return Caller{}, Unauthenticated(errors.New("unknown API key"))
	}
	if err != nil {
		return Caller{}, err
	}
	if row.KeyStatus != string(model.APIKeyStatusActive) {
		return lapsed(row), Unauthenticated(fmt.Errorf("revoked API key %s", row.KeyID))
	}
	who := Caller{Method: model.AuthMethodAPIKey, APIKeyID: row.KeyID}
	if row.KeyExpiresAt != nil {
		who.ExpiresAt = *row.KeyExpiresAt
		if !who.ExpiresAt.After(s.Now()) {
			return lapsed(row), Unauthenticated(fmt.Errorf("expired API key %s", row.KeyID))
		}
	}
	return s.asPrincipal(who, store.GetIdentityBySubjectRow{
		ID: row.ID, TenantKey: row.TenantKey, PrincipalKey: row.PrincipalKey, PrincipalType: row.PrincipalType, Status: row.Status,
		Epoch: row.Epoch, ProfileID: row.ProfileID, ManifestID: row.ManifestID, Overrides: row.Overrides,
	}, credential{APIKeyID: row.KeyID})
}

// lapsed is whom a key is of that opens nothing any more: for the log, and for admins.
func lapsed(row store.GetIdentityByKeyHashRow) Caller {
	return Caller{Method: model.AuthMethodAPIKey, APIKeyID: row.KeyID, TenantKey: row.TenantKey, PrincipalKey: row.PrincipalKey}
}

func (s *Service) asPrincipal(who Caller, row store.GetIdentityBySubjectRow, by credential) (_ Caller, err error) {
	if row.Status != string(model.PrincipalStatusActive) {
		return Caller{}, errs.New(errs.Forbidden, "principal %q is disabled", row.PrincipalKey)
	}
	who.Admin = s.Admins.Are(row.PrincipalType, row.PrincipalKey)
	who.AnyTenant = who.Admin && s.AnyTenant
	who.ID, who.TenantKey, who.PrincipalKey, who.Epoch = row.ID, row.TenantKey, row.PrincipalKey, row.Epoch
	who.ProfileID, who.ManifestID, who.Overrides, who.Memo = row.ProfileID, row.ManifestID, row.Overrides, new(Memo)
	who.Credential, err = json.Marshal(by)
	return who, err
}

// refusal picks what to answer when no credential opened the door: a database
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
	return Unauthenticated(cause)
}
