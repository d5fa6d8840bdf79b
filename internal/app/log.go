package app

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/legivellum/metagate/internal/config"
)

// Logger writes JSON lines, or text where w is a terminal (LOG_FORMAT). Lines up
// to INFO reach w within flushEvery, or at once on a terminal; all others at
// once, and flush writes what is left.
func Logger(c config.Config, w io.Writer) (log *slog.Logger, flush func()) {
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	if c.Debug {
		o.Level = slog.LevelDebug
	}
	f, isFile := w.(*os.File)
	terminal := isFile && term.IsTerminal(int(f.Fd()))
	buffered := &lines{w: bufio.NewWriterSize(w, 64<<10), wait: !terminal}
	if c.LogFormat == "text" || (c.LogFormat == "auto" && terminal) {
		return slog.New(urgent{slog.NewTextHandler(buffered, o), buffered}), buffered.flush
	}
	return slog.New(urgent{slog.NewJSONHandler(buffered, o), buffered}), buffered.flush
}

// flushEvery is how long a line may wait for others: a write for each request
// would cost as much as the request.
const flushEvery = 100 * time.Millisecond

// lines gathers lines for one write.
type lines struct {
	mu    sync.Mutex
	w     *bufio.Writer
	wait  bool
	timer *time.Timer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.w.Write(p)
	if !l.wait {
		return n, l.w.Flush()
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(flushEvery, l.flush)
	}
	return n, err
}

func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = nil
	_ = l.w.Flush() // there is nowhere to tell
}

// urgent flushes after what somebody should see at once.
type urgent struct {
	slog.Handler
	lines *lines
}

func (u urgent) Handle(ctx context.Context, r slog.Record) error {
	err := u.Handler.Handle(ctx, r)
	if r.Level > slog.LevelInfo {
		u.lines.flush()
	}
	return err
}
