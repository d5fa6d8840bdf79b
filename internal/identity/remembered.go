package identity

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/legivellum/metagate/internal/errs"
)

// remembered keeps who a credential belongs to, for the operations whose
// statements check the tenant's epoch themselves: an entry that has become
// stale is found there, never believed. Nothing is kept past the credential's
// expiry, and refusals are not kept at all.
type remembered struct {
	cache      *otter.Cache[[sha256.Size]byte, Caller]
	now        func() time.Time
	generation func() uint64 // of the keys that JWTs are verified with
}

// callerBytes is what an entry costs beside its texts (measured: 470 with all).
const callerBytes = 440

func newRemembered(maxBytes uint64, now func() time.Time, generation func() uint64) *remembered {
	return &remembered{now: now, generation: generation, cache: otter.Must(&otter.Options[[sha256.Size]byte, Caller]{
		MaximumWeight: max(maxBytes, 1), // 0 would be refused: nothing is kept
		Weigher: func(_ [sha256.Size]byte, c Caller) uint32 {
			return uint32(callerBytes + len(c.TenantKey) + len(c.PrincipalKey) + len(c.Overrides))
		},
	})}
}

// get reads who a credential belongs to, or remembers it unless fresh is wanted.
// known is one that was good lately.
func (c *remembered) get(shown Shown, fresh bool, read func(known bool) (Caller, error)) (Caller, error) {
	id := binary.BigEndian.AppendUint64(make([]byte, 0, 256), c.generation()) // on the stack
	key := sha256.Sum256(append(append(id, shown.Scheme...), shown.Text...))
	who, known := c.cache.GetIfPresent(key)
	if known && !fresh && (who.ExpiresAt.IsZero() || who.ExpiresAt.After(c.now())) {
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
