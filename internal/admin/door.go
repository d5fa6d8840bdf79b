package admin

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// CLI is the actor of the command line and of the server's own start.
func CLI() identity.Caller {
	return identity.Caller{PrincipalKey: "metagate", TenantKey: DefaultTenant, Method: model.AuthMethodCli, RemoteAddr: "local"}
}

// CLI is [CLI] in the tenant of those who name none.
func (s *Service) CLI() identity.Caller {
	a := CLI()
	a.TenantKey = s.home()
	return a
}

func (s *Service) home() string { return cmp.Or(s.Tenant, DefaultTenant) }

// adminKeyName is the name of the key that ADMIN_API_KEY opens the door with.
const adminKeyName = "ADMIN_API_KEY"

// firstAdmin is the key of the first admin (contract 3), and its auth_subject.
const firstAdmin = "admin"

// FirstAdmin makes sure that there is a principal admin in the tenant of those who
// name none, that it is active and an admin, and returns it.
func (s *Service) FirstAdmin(ctx context.Context) (store.Principal, error) {
	var p store.Principal
	err := s.Write(ctx, s.CLI(), s.home(), func(w Write) (err error) {
		p, err = w.firstAdmin(ctx)
		return err
	})
	return p, err
}

func (w Write) firstAdmin(ctx context.Context) (store.Principal, error) {
	row, err := w.GetPrincipalByKey(ctx, store.GetPrincipalByKeyParams{TenantKey: w.tenant, PrincipalKey: firstAdmin})
	if store.IsNotFound(err) {
		return w.makeFirstAdmin(ctx)
	}
	if err != nil || (row.Status == string(model.PrincipalStatusActive) && slices.Contains(w.Admins.Types(), row.PrincipalType)) {
		return row, err
	}
	before := row
	doc := Principals.doc(row)
	doc.Status, doc.PrincipalType = model.PrincipalStatusActive, w.Admins.Type()
	if row, err = Principals.update(ctx, w, before, doc); err != nil {
		return row, err
	}
	return row, w.Audit(ctx, model.AuditEntryActionUpdate, Principals.typ, Principals.ident(row), PrincipalView(before), PrincipalView(row))
}

// makeFirstAdmin calls its subject by the tenant where another tenant has an admin
// already: DEFAULT_TENANT_KEY was another one then.
func (w Write) makeFirstAdmin(ctx context.Context) (store.Principal, error) {
	c := model.PrincipalCreate{PrincipalKey: firstAdmin, AuthSubject: firstAdmin, PrincipalType: w.Admins.Type()}
	taken, err := w.ListPrincipals(ctx, store.ListPrincipalsParams{AuthSubject: &c.AuthSubject, RowLimit: 1})
	if err != nil {
		return store.Principal{}, err
	}
	if len(taken) > 0 {
		c.AuthSubject += "@" + w.tenant
	}
	return Principals.createIn(ctx, w, c)
}

// EnsureAdmin makes sure that plaintext, ADMIN_API_KEY, opens principal admin,
// and that an earlier ADMIN_API_KEY doesn't any more.
func (s *Service) EnsureAdmin(ctx context.Context, plaintext string) error {
	hash, err := identity.HashAPIKey(plaintext)
	if err != nil {
		return err
	}
	return s.Write(ctx, s.CLI(), s.home(), func(w Write) error {
		p, err := w.firstAdmin(ctx)
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
			return errs.New(errs.AlreadyExists, "this key opens another principal already, of tenant %q", key.TenantKey)
		case key.Status == keyActive && key.ExpiresAt == nil:
			return ErrUnchanged
		}
		return w.setKey(ctx, key, key.Name, keyActive, nil)
	})
}

// revokeNamed revokes the principal's keys of that name, but the one with the hash keep.
func (w Write) revokeNamed(ctx context.Context, principal uuid.UUID, name, keep string) error {
	status := keyActive
	keys, err := w.ListAPIKeys(ctx, store.ListAPIKeysParams{PrincipalID: &principal, Status: &status, After: store.MinID, RowLimit: maxKeys})
	for _, k := range keys {
		if k.Name == name && k.KeyHash != keep {
			if err := w.setKey(ctx, k, k.Name, keyRevoked, k.ExpiresAt); err != nil {
				return err
			}
		}
	}
	return err
}

// maxKeys is how many keys of one principal are looked through.
const maxKeys = 10_000

// ReissueKey issues a key of that name and revokes the ones before it.
func (s *Service) ReissueKey(ctx context.Context, p store.Principal, name string) (string, error) {
	plain, hash := identity.NewAPIKey()
	a := CLI()
	a.TenantKey = p.TenantKey
	err := s.Write(ctx, a, p.TenantKey, func(w Write) error {
		if err := w.revokeNamed(ctx, p.ID, name, hash); err != nil {
			return err
		}
		_, err := w.addKey(ctx, model.APIKeyCreate{PrincipalID: p.ID.String(), Name: name}, hash)
		return err
	})
	return plain, err
}
