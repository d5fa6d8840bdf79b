package identity

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/internal/store"
)

// LastUsed notes when API keys were used and writes it down now and then: best
// effort, and never on the path of a request.
type LastUsed struct {
	Store *store.Store
	Now   func() time.Time

	mu   sync.Mutex
	keys map[uuid.UUID]time.Time
}

const (
	// lastUsedChunk is how many keys share a commit: 25 ms of SQLite's one writer.
	lastUsedChunk = 500
	// lastUsedPause follows each chunk, so that bootstraps hardly meet one.
	lastUsedPause = 200 * time.Millisecond
)

// Touch notes that a key was used now.
func (l *LastUsed) Touch(key uuid.UUID) {
	now := l.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys == nil {
		l.keys = map[uuid.UUID]time.Time{}
	}
	l.keys[key] = now
}

// Run writes every interval, and once more when ctx ends: what a second allows.
func (l *LastUsed) Run(ctx context.Context, every time.Duration) {
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			l.Flush(last, 0)
			cancel()
			return
		case <-time.After(every):
			l.Flush(ctx, lastUsedPause)
		}
	}
}

// Flush writes what was noted, with a pause after each commit. What ctx leaves no
// time for is kept; what the database refuses is forgotten.
func (l *LastUsed) Flush(ctx context.Context, pause time.Duration) {
	l.mu.Lock()
	keys := l.keys
	l.keys = nil
	l.mu.Unlock()
	// In one order, so that two servers that share keys never wait for each other in a ring.
	ids := slices.SortedFunc(maps.Keys(keys), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	for chunk := range slices.Chunk(ids, lastUsedChunk) {
		err := ctx.Err()
		if err == nil {
			err = l.write(ctx, chunk, keys)
		}
		if err != nil {
			if ctx.Err() != nil {
				l.keep(keys)
			} else {
				slog.WarnContext(ctx, "last_used_at of API keys not written", "error", err, "keys", len(keys))
			}
			return
		}
		for _, id := range chunk {
			delete(keys, id)
		}
		if len(keys) == 0 {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (l *LastUsed) write(ctx context.Context, ids []uuid.UUID, at map[uuid.UUID]time.Time) error {
	return l.Store.InTxBeside(ctx, func(q store.Queries) error {
		for _, id := range ids {
			if err := q.TouchAPIKey(ctx, store.TouchAPIKeyParams{ID: id, LastUsedAt: new(at[id])}); err != nil {
				return err
			}
		}
		return nil
	})
}

// keep notes keys again that have not been used since.
func (l *LastUsed) keep(keys map[uuid.UUID]time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.Copy(keys, l.keys)
	l.keys = keys
}
