package identity

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// Caller is who asks: a principal, known by one credential, and what binds it, in
// one snapshot of its tenant's world. The zero Caller asked an open operation.
type Caller struct {
	ID                      uuid.UUID
	TenantKey, PrincipalKey string
	Epoch                   int64      // of the tenant's world, when this was read: random, so that none comes back
	ProfileID, ManifestID   *uuid.UUID // of the active binding; nil without one
	Overrides               store.JSON
	Memo                    *Memo // shared by the copies of this Caller; nil remembers nothing

	Admin     bool // may use /v1/admin
	AnyTenant bool // in every tenant: ADMIN_ALLOW_CROSS_TENANT

	Method     model.AuthMethod
	Credential store.JSON // what it was known by, as the receipts keep it: StartupSession.credential
	APIKeyID   uuid.UUID  // zero for a JWT
	ExpiresAt  time.Time  // of the credential; zero is never

	RequestID, RemoteAddr string // of the request that shows the credential
	Reason                string // why it writes, as it says; may be empty

	// Reread reads the caller anew, or tells why it is refused now; nil for the
	// command line, which nobody refuses.
	Reread func(context.Context, store.Queries) (Caller, error)
}

// Again is the caller read anew from the database, or why it is refused now.
func (c Caller) Again(ctx context.Context, q store.Queries) (Caller, error) {
	if c.Reread == nil {
		return c, nil
	}
	return c.Reread(ctx, q)
}

// Sees reports whether the caller may see and, as an admin, change rows of tenant.
func (c Caller) Sees(tenant string) bool { return c.AnyTenant || c.TenantKey == tenant }

// Reach refuses a tenant that the caller doesn't see.
func (c Caller) Reach(tenant string) error {
	if c.Sees(tenant) {
		return nil
	}
	return errs.New(errs.Forbidden, "tenant %q is not yours (ADMIN_ALLOW_CROSS_TENANT)", tenant)
}

// Scope is the tenant that a list shows to an admin; nil is all of them.
func (c Caller) Scope() *string {
	if c.AnyTenant {
		return nil
	}
	return &c.TenantKey
}

// Memo remembers the packet_etag and the signature that a Caller was answered with
// last: an epoch has but one of each for a component and a time, and to hash a packet
// of 100 KiB, or to sign one, takes as long as the rest of the answer.
type Memo struct{ etag, signature note }

// Etag is the component's, computed unless it was the last one asked for.
func (m *Memo) Etag(component string, compute func() string) string {
	if m == nil {
		return compute()
	}
	return m.etag.of(component, 0, compute)
}

// Signature is the component's of the time that stamp names, computed unless it was the
// last one asked for.
func (m *Memo) Signature(component string, stamp int64, compute func() string) string {
	if m == nil {
		return compute()
	}
	return m.signature.of(component, stamp, compute)
}

type note struct{ last atomic.Pointer[noted] }

type noted struct {
	component string
	stamp     int64
	text      string
}

func (n *note) of(component string, stamp int64, compute func() string) string {
	if last := n.last.Load(); last != nil && last.component == component && last.stamp == stamp {
		return last.text
	}
	text := compute()
	n.last.Store(&noted{component, stamp, text})
	return text
}
