package server

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/witness"
)

// operationBootstrap is the operation that a component is born by.
const operationBootstrap = "bootstrap"

// The headers that name the startup a bootstrap opened.
const (
	headerStartupID       = "Metagate-Startup-Id"
	headerStartupDeadline = "Metagate-Startup-Deadline"
)

// headerSignature is a detached JWS over what the etag is over (contract 15).
const headerSignature = "Metagate-Signature"

// Bootstrap implements POST /v1/bootstrap.
func (s *Server) Bootstrap(ctx context.Context, r api.BootstrapRequestObject) (api.BootstrapResponseObject, error) {
	birth, err := witness.BirthOf(*r.Body)
	if err != nil {
		return nil, err
	}
	if key := r.Params.IdempotencyKey; key != nil { // of another form it is none
		birth.IdempotencyKey, _ = uuid.Parse(strings.Trim(*key, `"`))
	}
	opened, err := s.Witness.Bootstrap(ctx, callerOf(ctx), birth)
	if err != nil {
		return nil, err
	}
	known := r.Body.LastPacketEtag == opened.Etag || doc.MatchWeak(deref(r.Params.IfNoneMatch), doc.QuoteETag(opened.Etag))
	return packetResponse{opened, known}, nil
}

// packetResponse sends the packet's bytes as they were composed, or 304.
type packetResponse struct {
	witness.Opened
	notModified bool
}

var contentJSON = []string{mediaJSON}

func (p packetResponse) VisitBootstrapResponse(w http.ResponseWriter) error {
	delete(w.Header(), headerCSP) // no browser renders it: see security
	h, values := w.Header(), [...]string{doc.QuoteETag(p.Etag), p.StartupID.String(), p.DeadlineAt.Format(time.RFC3339Nano), p.Signature}
	h["Etag"], h[headerStartupID], h[headerStartupDeadline] = values[0:1:1], values[1:2:2], values[2:3:3] // one allocation
	if p.Signature != "" {
		h[headerSignature] = values[3:4:4]
	}
	if p.notModified {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h["Content-Type"] = contentJSON
	w.WriteHeader(http.StatusOK)
	buffer := packets.Get().(*[]byte)
	*buffer = p.AppendPacket((*buffer)[:0], witness.ByREST)
	_, err := w.Write(*buffer)
	if cap(*buffer) <= largePacket {
		packets.Put(buffer)
	}
	return err
}

// largePacket is of a packet that few are as large as: its buffer isn't kept.
const largePacket = 64 << 10

// packets are buffers for them: net/http copies what it is given.
var packets = sync.Pool{New: func() any { return new([]byte) }}
