// Package files reads the small files that a server is told of, such as keys and
// certificates, and looks again whether they have changed.
package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// Max is the largest file that is read, in bytes.
const Max = 1 << 20

// Read reads a whole file of at most Max bytes, without a byte order mark. A pipe or a device, which might block
// for ever, is refused. An error doesn't name the path: the caller does.
func Read(path string) ([]byte, error) {
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
	data, err := io.ReadAll(io.LimitReader(file, Max+1))
	if err != nil {
		return nil, bare(err)
	}
	if len(data) > Max {
		return nil, errors.New("over 1 MiB")
	}
	return bytes.TrimPrefix(data, []byte("\ufeff")), nil
}

// bare drops the path from an error.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// Follow looks every so often, until ctx ends. What is read is to be compared with
// what was read before rather than times of modification: the files are small, and one
// that was replaced within a tick is seen too.
func Follow(ctx context.Context, every time.Duration, look func(context.Context)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			look(ctx)
		}
	}
}
