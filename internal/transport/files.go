package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"
)

// maxFile is the largest file that is read, in bytes.
const maxFile = 1 << 20

// pollEvery is how soon a changed file is seen.
const pollEvery = 10 * time.Second

// files are read together, and taken when one of them has changed.
type files struct {
	setting string // names them in errors
	paths   []string
	take    func([][]byte) error

	last   [][]byte // as they were read last
	failed string   // why they weren't taken
}

// read takes files that have changed, and tells whether they, or what is wrong with
// them, are other than the last time. Contents are compared rather than times of
// modification: they are small, and a file replaced within a tick is seen, too.
func (f *files) read() (changed bool, err error) {
	texts := make([][]byte, len(f.paths))
	for i, path := range f.paths {
		if texts[i], err = readRegular(path); err != nil {
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

// readRegular reads a whole file of at most maxFile bytes. A pipe or a device, which
// might block for ever, is refused.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, bare(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer func() { _ = file.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, bare(err)
	}
	if len(data) > maxFile {
		return nil, errors.New("over 1 MiB")
	}
	return data, nil
}

// bare drops the path from a file error: the caller has said it already.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// Watch follows the files until ctx ends, looking every ten seconds. What is broken
// leaves the last good certificate or trust in force, and is logged once, until something else is wrong.
func (t *TLS) Watch(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			t.refresh(ctx)
		}
	}
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
