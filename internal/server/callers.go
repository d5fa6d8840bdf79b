package server

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/witness"
)

// callers remembers who a credential belongs to, for the operations whose
// statements check the tenant's epoch themselves: an entry that has become
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

// get reads who a credential belongs to, or remembers it unless fresh is wanted.
// known is one that was good lately.
func (c *callers) get(scheme, credential string, fresh bool, read func(known bool) (caller, error)) (caller, error) {
	id := binary.BigEndian.AppendUint64(make([]byte, 0, 256), c.generation()) // on the stack
	key := sha256.Sum256(append(append(id, scheme...), credential...))
	who, known := c.cache.GetIfPresent(key)
	if known && !fresh && (who.expires.IsZero() || who.expires.After(c.now())) {
		return who, nil
	}
	who, err := read(known)
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

// maxStale is how often a call is repeated because its world moved on.
const maxStale = 3

// current makes a call of the witness as the caller is known, and again with the
// caller read anew while that is stale; when the world goes on moving, within a
// transaction that holds it still.
func current[T any](ctx context.Context, s *Server, call func(context.Context, *witness.Service, caller) (T, error)) (out T, err error) {
	k := callOf(ctx)
	for range maxStale {
		if out, err = call(ctx, s.Witness, k.caller); !errors.Is(err, witness.ErrStale) {
			return out, err
		}
		if k.caller, err = k.again(ctx, s.Store.Hot()); err != nil {
			return out, err
		}
	}
	// Beside this goroutine, which may be gone by then: so it is told when it is done.
	settled, again := make(chan T, 1), k.again
	err = s.Witness.Settle(ctx, k.caller.Identity, func(ctx context.Context, q store.Queries, inside *witness.Service) error {
		who, err := again(ctx, q)
		if err != nil {
			return err
		}
		out, err := call(ctx, inside, who)
		if err == nil {
			settled <- out
		}
		return err
	})
	if errors.Is(err, witness.ErrStale) { // it changed its tenant
		err = errs.Wrap(err, errs.Unavailable, "the world is changing: try again")
	}
	if err == nil {
		out = <-settled
	}
	return out, err
}
