package server

import (
	"context"
	"net/url"

	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/witness"
)

// call is what is known of a request while it is served.
type call struct {
	id, remoteAddr string
	url            *url.URL
	operation      string // operationId, or empty where no route fits
	caller         caller
	body           []byte // as JSON
	bodyRead       bool   // to its end
	again          readAgain
	invalid        error // what is wrong with a world by its schema
	err            error // for the log
}

type (
	callKey struct{}
	headKey struct{} // of a request that came as HEAD
)

func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

// actor is the caller as the admin rules and the audit log know it.
func actor(ctx context.Context) admin.Actor {
	c := callOf(ctx)
	return admin.Actor{
		Key: c.caller.PrincipalKey, Tenant: c.caller.TenantKey, Method: c.caller.method,
		RequestID: c.id, RemoteAddr: c.remoteAddr,
	}
}

// readAgain authenticates again, from the database.
type readAgain func(context.Context, store.Queries) (caller, error)

// reader is a caller as the witness knows it.
func (s *Server) reader(c caller) witness.Reader {
	r := witness.Reader{Identity: c.Identity}
	if c.admin {
		r.Tenants = func(tenant string) bool { return s.Admin.AnyTenant || tenant == c.TenantKey }
	}
	return r
}
