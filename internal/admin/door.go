package admin

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// CLI is the actor of the command line and of the server's own start.
func CLI() identity.Caller {
	return identity.Caller{PrincipalKey: "metagate", TenantKey: DefaultTenant, Method: model.AuthMethodCli, RemoteAddr: "local"}
}

// adminKeyName is the name of the key that ADMIN_API_KEY opens the door with.
const adminKeyName = "ADMIN_API_KEY"

// EnsurePrincipal makes sure that an active principal with this key and type is
// in the default tenant, and returns it.
func (s *Service) EnsurePrincipal(ctx context.Context, c model.PrincipalCreate) (store.Principal, error) {
	var p store.Principal
	err := s.Write(ctx, CLI(), DefaultTenant, func(w Write) (err error) {
		p, err = w.ensurePrincipal(ctx, c)
		return err
	})
	return p, err
}

func (w Write) ensurePrincipal(ctx context.Context, c model.PrincipalCreate) (store.Principal, error) {
	row, err := w.GetPrincipalByKey(ctx, store.GetPrincipalByKeyParams{TenantKey: w.tenant, PrincipalKey: c.PrincipalKey})
	if store.IsNotFound(err) {
		return Principals.createIn(ctx, w, c)
	}
	if err != nil || (row.Status == string(model.PrincipalStatusActive) && row.PrincipalType == c.PrincipalType) {
		return row, err
	}
	before := row
	doc := Principals.doc(row)
	doc.Status, doc.PrincipalType = model.PrincipalStatusActive, c.PrincipalType
	if row, err = Principals.update(ctx, w, before, doc); err != nil {
		return row, err
	}
	return row, w.Audit(ctx, model.AuditEntryActionUpdate, Principals.typ, Principals.ident(row), PrincipalView(before), PrincipalView(row))
}

// Admin is the principal of the first admin (contract 3).
var Admin = model.PrincipalCreate{PrincipalKey: "admin", AuthSubject: "admin", PrincipalType: identity.TypeAdmin}

// EnsureAdmin makes sure that plaintext, ADMIN_API_KEY, opens principal admin,
// and that an earlier ADMIN_API_KEY doesn't any more.
func (s *Service) EnsureAdmin(ctx context.Context, plaintext string) error {
	hash, err := identity.HashAPIKey(plaintext)
	if err != nil {
		return err
	}
	return s.Write(ctx, CLI(), DefaultTenant, func(w Write) error {
		p, err := w.ensurePrincipal(ctx, Admin)
		if err != nil {
			return err
		}
		if err := w.revokeNamed(ctx, p.ID, adminKeyName, hash); err != nil {
			return err
		}
		key, err := w.GetAPIKeyByHash(ctx, hash)
		switch {
		case store.IsNotFound(err):
			_, err = w.addKey(ctx, model.APIKeyCreate{PrincipalID: p.ID.String(), Name: adminKeyName}, hash)
			return err
		case err != nil:
			return err
		case key.PrincipalID != p.ID:
			return errors.New("this key belongs to another principal already")
		case key.Status == keyActive && key.ExpiresAt == nil:
			return ErrUnchanged
		}
		return w.setKey(ctx, key, keyActive, nil)
	})
}

// revokeNamed revokes the principal's keys of that name, but the one with the hash keep.
func (w Write) revokeNamed(ctx context.Context, principal uuid.UUID, name, keep string) error {
	status := keyActive
	keys, err := w.ListAPIKeys(ctx, store.ListAPIKeysParams{PrincipalID: &principal, Status: &status, After: store.MinID, RowLimit: maxKeys})
	for _, k := range keys {
		if k.Name == name && k.KeyHash != keep {
			if err := w.setKey(ctx, k, keyRevoked, k.ExpiresAt); err != nil {
				return err
			}
		}
	}
	return err
}

// maxKeys is how many keys of one principal are looked through.
const maxKeys = 10_000

func (w Write) setKey(ctx context.Context, before store.APIKey, status string, expires *time.Time) error {
	after, err := w.UpdateAPIKey(ctx, store.UpdateAPIKeyParams{
		ID: before.ID, UpdatedAt: w.now, Name: before.Name, Status: status, ExpiresAt: expires,
	})
	if err != nil {
		return err
	}
	return w.Audit(ctx, model.AuditEntryActionUpdate, APIKeys.typ, APIKeys.ident(after), APIKeyView(before), APIKeyView(after))
}

// ReissueKey issues a key of that name and revokes the ones before it.
func (s *Service) ReissueKey(ctx context.Context, p store.Principal, name string) (string, error) {
	plain, hash := identity.NewAPIKey()
	err := s.Write(ctx, CLI(), p.TenantKey, func(w Write) error {
		if err := w.revokeNamed(ctx, p.ID, name, hash); err != nil {
			return err
		}
		_, err := w.addKey(ctx, model.APIKeyCreate{PrincipalID: p.ID.String(), Name: name}, hash)
		return err
	})
	return plain, err
}
