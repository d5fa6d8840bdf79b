package server

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/contract"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/identity"
)

// call is what is known of a request while it is served.
type call struct {
	id, remoteAddr string
	trace          string // the caller's X-Trace-ID, if it sent one
	began          time.Time
	base           context.Context //nolint:containedctx // the request's, without the deadline that its operation has
	url            *url.URL
	header         http.Header     // of the request
	route          *contract.Route // its operation; nil where there is none
	caller         identity.Caller
	certificate    *identity.Certificate    // that the connection has shown
	body           []byte                   // as JSON
	yaml           doc.Document             // which that was, if it was
	bodyRead       bool                     // to its end
	invalid        error                    // what is wrong with a world by its schema, or why an MCP message is no JSON
	tool           string                   // of an MCP message
	err            error                    // for the log
	warned         []model.ValidatorFinding // what validators warn of
}

type (
	callKey struct{}
	headKey struct{} // of a request that came as HEAD
)

func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

func callerOf(ctx context.Context) identity.Caller { return callOf(ctx).caller }

// operation is the operationId, or empty where there is none.
func (k *call) operation() string {
	if k.route == nil {
		return ""
	}
	return k.route.ID
}
