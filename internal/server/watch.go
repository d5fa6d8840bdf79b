package server

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/stream"
	"github.com/legivellum/metagate/internal/witness"
)

// WatchPacket implements GET /v1/watch.
func (s *Server) WatchPacket(ctx context.Context, r api.WatchPacketRequestObject) (api.WatchPacketResponseObject, error) {
	birth := witness.Birth{ComponentKey: r.Params.ComponentKey, PrincipalKey: deref(r.Params.PrincipalKey)}
	watcher, err := s.Streams.Watch(ctx, stream.Watched{
		Who: callerOf(ctx), Component: birth.ComponentKey, Principal: birth.PrincipalKey,
		Etag: func(ctx context.Context, who identity.Caller) (string, identity.Caller, error) {
			return s.Witness.Etag(ctx, who, birth)
		},
	})
	if err != nil {
		return nil, err
	}
	_, refusal, err := watcher.Now(ctx) // who has no packet is told so, as by a bootstrap
	if err = cmp.Or(refusal, err); err != nil {
		watcher.End()
		return nil, err
	}
	if r.Params.Wait != nil {
		defer watcher.End()
		return s.waitFor(ctx, watcher, r.Params)
	}
	return &live{ctx, func(ctx context.Context, line stream.Line) error {
		defer watcher.End()
		return watcher.Follow(ctx, has(r.Params), line)
	}}, nil
}

// has tells which etags the caller has.
func has(p model.WatchPacketParams) func(etag string) bool {
	return func(etag string) bool {
		return deref(p.Etag) == etag || deref(p.LastEventID) == etag || doc.MatchWeak(deref(p.IfNoneMatch), doc.QuoteETag(etag))
	}
}

// waitFor answers as soon as the etag differs, or when the time is over.
func (s *Server) waitFor(ctx context.Context, watcher *stream.Watcher, p model.WatchPacketParams) (api.WatchPacketResponseObject, error) {
	wait, err := time.ParseDuration(*p.Wait)
	if err != nil {
		return nil, errs.Wrap(err, errs.InvalidRequest, `query parameter "wait": write 30s`)
	}
	waiting, cancel := context.WithTimeout(callOf(ctx).base, wait)
	defer cancel()
	etag, refusal, err := watcher.Next(waiting, has(p), nil, nil)
	switch {
	case refusal != nil:
		return nil, refusal
	case err == nil:
		return api.WatchPacket200JSONResponse{Body: model.WatchedPacket{PacketEtag: etag}}, nil
	case callOf(ctx).base.Err() != nil || !errors.Is(err, context.DeadlineExceeded) && !stream.Left(err):
		return nil, err
	}
	return api.WatchPacket304Response{Headers: api.WatchPacket304ResponseHeaders{ETag: doc.QuoteETag(watcher.Last())}}, nil
}
