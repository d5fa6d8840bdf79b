package admin

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// Statuses of an API key.
const (
	keyActive  = string(model.APIKeyStatusActive)
	keyRevoked = string(model.APIKeyStatusRevoked)
)

// APIKeys are credentials of principals. They are issued by Service.IssueKey,
// since the plaintext is shown once, and Delete revokes them.
var APIKeys = &Kind[store.APIKey, model.APIKeyCreate, model.APIKey]{
	typ: model.ResourceTypeAPIKey, noun: "API key",
	ident: func(r store.APIKey) resource { return resource{r.ID, r.TenantKey, r.Name, r.UpdatedAt, r.PrincipalID} },
	doc: func(r store.APIKey) model.APIKeyCreate {
		return model.APIKeyCreate{PrincipalID: r.PrincipalID.String(), Name: r.Name, ExpiresAt: null(r.ExpiresAt)}
	},
	view: APIKeyView,
	get: func(ctx context.Context, q store.Queries, id uuid.UUID) (store.APIKey, error) {
		return q.GetAPIKey(ctx, id)
	},
	prepare: func(ctx context.Context, w Write, c *model.APIKeyCreate) error {
		if t := value(c.ExpiresAt); t != nil {
			c.ExpiresAt = nullable.NewNullableWithValue(t.UTC().Truncate(time.Microsecond))
		} else {
			c.ExpiresAt = nullable.NewNullNullable[time.Time]()
		}
		p, err := Principals.lookUp(ctx, w.Queries, w.tenant, c.PrincipalID)
		return w.missing(reference{"/principal_id", "principal", p.TenantKey, err})
	},
	update: func(ctx context.Context, w Write, r store.APIKey, c model.APIKeyCreate) (store.APIKey, error) {
		return w.UpdateAPIKey(ctx, store.UpdateAPIKeyParams{
			ID: r.ID, UpdatedAt: w.now, Name: c.Name, Status: r.Status, ExpiresAt: value(c.ExpiresAt),
		})
	},
	remove: func(ctx context.Context, w Write, r store.APIKey) error {
		if r.Status == keyRevoked {
			return ErrUnchanged
		}
		_, err := w.UpdateAPIKey(ctx, store.UpdateAPIKeyParams{
			ID: r.ID, UpdatedAt: w.now, Name: r.Name, Status: keyRevoked, ExpiresAt: r.ExpiresAt,
		})
		return err
	},
}

// IssueKey makes an API key for a principal that the actor may see. The
// plaintext is in the answer and nowhere else.
func (s *Service) IssueKey(ctx context.Context, a identity.Caller, c model.APIKeyCreate) (model.APIKeyIssued, string, error) {
	p, err := Principals.lookUp(ctx, s.Store, a.TenantKey, c.PrincipalID)
	switch {
	case store.IsNotFound(err) || (err == nil && !a.Sees(p.TenantKey)):
		return model.APIKeyIssued{}, "", errs.At(errs.InvalidReference, "a reference leads nowhere",
			errs.Place{Pointer: "/principal_id", Detail: "no such principal"})
	case err != nil:
		return model.APIKeyIssued{}, "", store.Classify(err)
	}
	if t := value(c.ExpiresAt); t != nil && !t.After(s.Now()) {
		return model.APIKeyIssued{}, "", errs.At(errs.InvalidRequest, "the key would be expired from the start",
			errs.Place{Pointer: "/expires_at", Detail: "must be in the future"})
	}
	plain, hash, err := keyOf(c)
	if err != nil {
		return model.APIKeyIssued{}, "", err
	}
	c.PrincipalID = p.ID.String()
	var row store.APIKey
	err = s.Write(ctx, a, p.TenantKey, func(w Write) (err error) {
		row, err = w.addKey(ctx, c, hash)
		return err
	})
	v := APIKeyView(row)
	return model.APIKeyIssued{
		APIKey: plain, ID: v.ID, TenantKey: v.TenantKey, PrincipalID: v.PrincipalID, Name: v.Name, Status: v.Status,
		ExpiresAt: v.ExpiresAt, LastUsedAt: v.LastUsedAt, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
	}, APIKeys.etag(row), err
}

// keyOf is the key that is asked for, where it is known here, and its hash.
func keyOf(c model.APIKeyCreate) (plain, hash string, err error) {
	switch {
	case c.Value != "" && c.Sha256 != "":
		return "", "", errs.At(errs.InvalidRequest, "an API key is given by its value or by its sha256",
			errs.Place{Pointer: "/sha256", Detail: "not beside value"})
	case c.Value != "":
		hash, err = identity.HashAPIKey(c.Value)
		return c.Value, hash, err
	case c.Sha256 != "":
		return "", strings.ToLower(c.Sha256), nil
	default:
		plain, hash = identity.NewAPIKey()
		return plain, hash, nil
	}
}

func (w Write) addKey(ctx context.Context, c model.APIKeyCreate, hash string) (store.APIKey, error) {
	if err := APIKeys.prepare(ctx, w, &c); err != nil {
		return store.APIKey{}, err
	}
	return w.PlaceKey(ctx, c, hash)
}

// PlaceKey writes an API key whose principal is known to be there, and its audit entry.
func (w Write) PlaceKey(ctx context.Context, c model.APIKeyCreate, hash string) (store.APIKey, error) {
	row, err := w.CreateAPIKey(ctx, store.CreateAPIKeyParams{
		ID: store.NewID(w.now), TenantKey: w.tenant, CreatedAt: w.now, UpdatedAt: w.now,
		PrincipalID: idOf(c.PrincipalID), Name: c.Name, KeyHash: hash, Status: keyActive, ExpiresAt: value(c.ExpiresAt),
	})
	if store.IsUnique(err) {
		err = ErrKeyTaken(err)
	}
	if err != nil {
		return row, err
	}
	return row, w.Audit(ctx, model.AuditEntryActionCreate, APIKeys.typ, APIKeys.ident(row), nil, APIKeyView(row))
}

// ErrKeyTaken doesn't tell whose the key is: who asks may be of another tenant.
func ErrKeyTaken(cause error) error {
	return errs.Wrap(cause, errs.AlreadyExists, "this key exists already, or did: choose another one")
}

// ReplaceKey gives an API key another name and end, and leaves its audit entry.
func (w Write) ReplaceKey(ctx context.Context, before store.APIKey, name string, expires *time.Time) error {
	return w.setKey(ctx, before, name, before.Status, expires)
}

func (w Write) setKey(ctx context.Context, before store.APIKey, name, status string, expires *time.Time) error {
	after := before
	after.Name, after.Status, after.ExpiresAt, after.UpdatedAt = name, status, expires, w.now
	if _, err := w.UpdateAPIKey(ctx, store.UpdateAPIKeyParams{
		ID: after.ID, UpdatedAt: after.UpdatedAt, Name: after.Name, Status: after.Status, ExpiresAt: after.ExpiresAt,
	}); err != nil {
		return err
	}
	return w.Audit(ctx, model.AuditEntryActionUpdate, APIKeys.typ, APIKeys.ident(after), APIKeyView(before), APIKeyView(after))
}

// APIKeyView is what a caller sees of a row: never the hash.
func APIKeyView(r store.APIKey) model.APIKey {
	return model.APIKey{
		ID: r.ID, TenantKey: r.TenantKey, PrincipalID: r.PrincipalID, Name: r.Name, Status: model.APIKeyStatus(r.Status),
		ExpiresAt: null(r.ExpiresAt), LastUsedAt: null(r.LastUsedAt), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// KeyFor asks for an API key of p that never expires.
func KeyFor(p store.Principal, name string) model.APIKeyCreate {
	return model.APIKeyCreate{PrincipalID: p.ID.String(), Name: name}
}
