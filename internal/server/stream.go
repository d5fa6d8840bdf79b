package server

import (
	"context"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/sse"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/stream"
)

// Stream implements GET /v1/admin/stream.
func (s *Server) Stream(ctx context.Context, r api.StreamRequestObject) (api.StreamResponseObject, error) {
	p, who := r.Params, callerOf(ctx)
	pg, err := newPage(who, p.TenantKey, nil, nil, store.MinID)
	if err != nil {
		return nil, err
	}
	asked := stream.Asked{
		Who: who, Tenant: pg.tenant, Types: deref(p.Types), Status: p.Status,
		ProfileKey: p.ProfileKey, PrincipalKey: p.PrincipalKey, ComponentKey: p.ComponentKey, InstanceID: p.InstanceID,
	}
	if id := deref(p.LastEventID); id != "" {
		from, err := stream.ParsePosition(id)
		if err != nil {
			return nil, errs.Wrap(err, errs.InvalidRequest, `header "Last-Event-ID": take it from the last event that was received, or leave it out`)
		}
		asked.From = &from
	}
	follow, err := s.Streams.Join(ctx, asked)
	if err != nil {
		return nil, err
	}
	return &live{ctx, follow}, nil
}

// live is an answer that goes on until one of the two ends it.
type live struct {
	ctx    context.Context //nolint:containedctx // the request's
	follow func(ctx context.Context, line stream.Line) error
}

func (l *live) VisitStreamResponse(w http.ResponseWriter) error      { return l.visit(w) }
func (l *live) VisitWatchPacketResponse(w http.ResponseWriter) error { return l.visit(w) }

// visit leaves the request's deadline behind: what is written has one of its own.
func (l *live) visit(w http.ResponseWriter) error {
	k, rc := callOf(l.ctx), http.NewResponseController(w)
	h := w.Header()
	h.Set("Content-Type", sse.MediaType)
	h.Set("X-Accel-Buffering", "no")    // nginx would keep it back
	_ = rc.SetReadDeadline(time.Time{}) // else net/http takes the caller for gone when it is over
	ctx, cancel := context.WithCancel(k.base)
	defer cancel()
	if l.ctx.Value(headKey{}) != nil {
		cancel()
	}
	w.WriteHeader(http.StatusOK)
	k.streams = time.Now()
	err := l.follow(ctx, &line{w, rc})
	if errors.Is(err, stream.ErrSlow) {
		return errs.Wrap(err, errs.Canceled, "the listener was dropped")
	}
	return err
}

// writeWithin is how long a listener may take nothing.
const writeWithin = 10 * time.Second

// line is a connection that server-sent events go out on.
type line struct {
	http.ResponseWriter
	rc *http.ResponseController
}

// Send writes and flushes.
func (l *line) Send(text []byte) error {
	if err := l.rc.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return err
	}
	_, err := l.Write(text)
	if err == nil {
		err = l.rc.Flush()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return stream.ErrSlow
	}
	return err
}
