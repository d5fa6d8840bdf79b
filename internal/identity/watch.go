package identity

import (
	"context"
	"log/slog"
	"time"

	"github.com/legivellum/metagate/internal/files"
)

// pollEvery is how soon a changed key file is seen.
const pollEvery = 30 * time.Second

// Watch follows the key file until ctx ends, looking every 30 seconds: a changed
// one replaces all keys at once, without a restart and without a request ever
// waiting for the disk. A file that is gone, broken or without a usable key
// leaves the last good keys in force and is logged once per change; to withdraw
// a key, write a set with its successor. Watch returns at once where there is no
// key file, and must run only once at a time.
func (v *Verifier) Watch(ctx context.Context) {
	if v == nil || v.file == nil {
		return
	}
	files.Follow(ctx, pollEvery, v.refresh)
}

func (v *Verifier) refresh(ctx context.Context) {
	keys, changed, err := v.file.reload()
	switch {
	case !changed:
	case err != nil:
		slog.ErrorContext(ctx, "JWT keys not renewed, the last good ones stay in force", "error", err)
	default:
		v.keys.Store(keys)
		v.renewed.Add(1)
		slog.InfoContext(ctx, "JWT keys renewed", "file", v.file.path, "keys", len(keys.all))
	}
}
