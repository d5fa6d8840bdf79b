package telemetry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// flushEvery is how long a line may wait for others: a write for each request
	// would cost as much as the request.
	flushEvery = 100 * time.Millisecond
	// maxQueue is how many bytes may wait for whoever reads the log.
	maxQueue = 1 << 20
	// lastWords is how long the end waits for whoever reads the log.
	lastWords = time.Second
)

var errTooLong = errors.New("a log line is too long")

// lines is a queue of lines and the one goroutine that writes them: whoever logs
// waits for no reader, neither of a pipe nor of a terminal nor for a disk.
type lines struct {
	w       io.Writer
	direct  slog.Handler  // to w, for the writer's own line
	prompt  bool          // no line waits for others
	dropped atomic.Uint64 // since the start

	some, now  chan struct{} // there are lines, and they are wanted at once
	end, ended chan struct{}
	cut        bool // the writer left a line unfinished

	mu      sync.Mutex
	waiting []byte
	full    bool   // until the writer comes: what is dropped is of one piece
	lost    uint64 // dropped and not yet told
}

func newLines(w io.Writer, prompt bool, direct slog.Handler) *lines {
	l := &lines{
		w: w, direct: direct, prompt: prompt, some: make(chan struct{}, 1), now: make(chan struct{}, 1),
		end: make(chan struct{}), ended: make(chan struct{}),
	}
	go l.run()
	return l
}

// Write queues a line, or drops it.
func (l *lines) Write(line []byte) (int, error) {
	if len(line) > maxLine {
		return 0, errTooLong
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full = l.full || len(l.waiting)+len(line) > maxQueue; l.full {
		l.lost++
		l.dropped.Add(1)
		return len(line), nil
	}
	if len(l.waiting) == 0 {
		give(l.some)
	}
	l.waiting = append(l.waiting, line...)
	if l.prompt {
		l.hurry()
	}
	return len(line), nil
}

// hurry has what waits written now, and doesn't wait for it.
func (l *lines) hurry() { give(l.now) }

func give(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it was given already
	}
}

func (l *lines) run() {
	defer close(l.ended)
	var spare []byte
	for last := false; !last; {
		select {
		case <-l.some:
			select {
			case <-time.After(flushEvery):
			case <-l.now:
			case <-l.end:
			}
		case <-l.now:
		case <-l.end:
			last = true
		}
		spare = l.drain(spare)
	}
}

// drain writes what waits and then tells what was dropped after it. It returns
// the buffer that the next lines may have.
func (l *lines) drain(spare []byte) []byte {
	l.mu.Lock()
	batch, lost := l.waiting, l.lost
	l.waiting, l.full, l.lost = spare[:0], false, 0
	l.mu.Unlock()
	if n, err := l.write(batch); err != nil {
		gone := uint64(bytes.Count(batch[n:], []byte("\n")))
		l.dropped.Add(gone)
		l.untold(lost + gone)
		return batch
	}
	if lost > 0 {
		r := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines were dropped: they were not read in time", 0)
		r.AddAttrs(slog.Uint64("lines", lost))
		if l.direct.Handle(context.Background(), r) != nil {
			l.untold(lost)
		}
	}
	return batch
}

func (l *lines) write(batch []byte) (n int, err error) {
	if l.cut {
		if _, err := l.w.Write([]byte("\n")); err != nil {
			return 0, err
		}
		l.cut = false
	}
	if len(batch) > 0 {
		n, err = l.w.Write(batch)
		l.cut = n > 0 && batch[n-1] != '\n'
	}
	return n, err
}

func (l *lines) untold(n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost += n
}

// close writes what waits and ends, at the latest after lastWords.
func (l *lines) close() {
	close(l.end)
	select {
	case <-l.ended:
	case <-time.After(lastWords):
	}
}
