package server

import (
	"context"
	"log/slog"
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

// Run writes every interval, and once more when ctx ends.
func (l *LastUsed) Run(ctx context.Context, every time.Duration) {
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			l.Flush(last)
			cancel()
			return
		case <-time.After(every):
			l.Flush(ctx)
		}
	}
}

// Flush writes what was noted. What can't be written is forgotten.
func (l *LastUsed) Flush(ctx context.Context) {
	l.mu.Lock()
	keys := l.keys
	l.keys = nil
	l.mu.Unlock()
	for key, at := range keys {
		if err := l.Store.TouchAPIKey(ctx, store.TouchAPIKeyParams{ID: key, LastUsedAt: &at}); err != nil {
			slog.WarnContext(ctx, "last_used_at of API keys not written", "error", err, "keys", len(keys))
			return
		}
	}
}
