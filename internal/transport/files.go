package transport

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/legivellum/metagate/internal/files"
)

// pollEvery is how soon a changed file is seen.
const pollEvery = 10 * time.Second

// watched are files that are read together, and taken when one of them has changed.
type watched struct {
	setting string // names them in errors
	paths   []string
	take    func([][]byte) error

	last   [][]byte // as they were read last
	failed string   // why they weren't taken
}

// read takes files that have changed, and tells whether they, or what is wrong with
// them, are other than the last time.
func (f *watched) read() (changed bool, err error) {
	texts := make([][]byte, len(f.paths))
	for i, path := range f.paths {
		if texts[i], err = files.Read(path); err != nil {
			err = fmt.Errorf("%s: %q: %w", f.setting, path, err)
			break
		}
	}
	if err == nil {
		if f.failed == "" && slices.EqualFunc(texts, f.last, bytes.Equal) {
			return false, nil
		}
		if err = f.take(texts); err != nil {
			err = fmt.Errorf("%s: %w", f.setting, err)
		}
	}
	if err != nil {
		changed, f.failed = f.failed != err.Error(), err.Error()
		return changed, err
	}
	f.last, f.failed = texts, ""
	return true, nil
}

// Watch follows the files until ctx ends, looking every ten seconds. What is broken
// leaves the last good certificate or trust in force, and is logged once, until something else is wrong.
func (t *TLS) Watch(ctx context.Context) {
	files.Follow(ctx, pollEvery, t.refresh)
}

func (t *TLS) refresh(ctx context.Context) {
	for _, f := range t.files {
		switch changed, err := f.read(); {
		case !changed:
		case err != nil:
			t.log.ErrorContext(ctx, "TLS files not renewed, the last good ones stay in force", "error", err)
		default:
			t.log.InfoContext(ctx, "TLS files renewed", "setting", f.setting)
		}
	}
}
