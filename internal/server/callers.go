package server

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/witness"
)

// callers remembers who a credential belongs to, for the operations whose
// statements check the tenant's revision themselves: an entry that has become
// stale is found there, never believed. Nothing is kept past the credential's
// expiry, and refusals are not kept at all.
type callers struct {
	cache      *otter.Cache[[sha256.Size]byte, caller]
	now        func() time.Time
	generation func() uint64 // of the keys that JWTs are verified with
}

// callerBytes is what an entry costs beside its texts (measured: 470 with all).
const callerBytes = 440

func newCallers(maxBytes uint64, now func() time.Time, generation func() uint64) *callers {
	return &callers{now: now, generation: generation, cache: otter.Must(&otter.Options[[sha256.Size]byte, caller]{
		MaximumWeight: max(maxBytes, 1), // 0 would be refused: nothing is kept
		Weigher: func(_ [sha256.Size]byte, c caller) uint32 {
			return uint32(callerBytes + len(c.TenantKey) + len(c.PrincipalKey) + len(c.Overrides))
		},
	})}
}

// reading finds out who a credential belongs to; known is one that was good lately.
type reading = func(ctx context.Context, credential string, known bool) (caller, error)

// get reads who a credential belongs to, or remembers it unless fresh is wanted.
func (c *callers) get(ctx context.Context, scheme, credential string, fresh bool, read reading) (caller, error) {
	id := binary.BigEndian.AppendUint64(make([]byte, 0, 256), c.generation()) // on the stack
	key := sha256.Sum256(append(append(id, scheme...), credential...))
	who, known := c.cache.GetIfPresent(key)
	if known && !fresh && (who.expires.IsZero() || who.expires.After(c.now())) {
		return who, nil
	}
	who, err := read(ctx, credential, known)
	switch {
	case err == nil:
		c.cache.Set(key, who)
	case known && errs.Is(err, errs.Unauthenticated):
		c.cache.Invalidate(key)
	}
	return who, err
}

// hot are the operations that may remember.
var hot = map[string]bool{operationBootstrap: true, "reportReady": true, "reportFailed": true}

// maxStale bounds how often a call is repeated because its world moved on.
const maxStale = 10

// current repeats fn with the caller read again while the one it had is stale.
func (s *Server) current(ctx context.Context, fn func() error) error {
	for range maxStale {
		err := fn()
		if !errors.Is(err, witness.ErrStale) {
			return err
		}
		if err := callOf(ctx).again(); err != nil {
			return err
		}
	}
	return errs.New(errs.Unavailable, "the world is changing: try again")
}
