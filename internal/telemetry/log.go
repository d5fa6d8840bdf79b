// Package telemetry is what a server tells of itself: its log and its metrics.
package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"
)

// LogOptions say how to log.
type LogOptions struct {
	Format string // LOG_FORMAT: json, text or auto
	Debug  bool   // DEBUG
}

// Logger writes JSON lines, or text where w is a terminal (LOG_FORMAT), each of
// maxLine bytes at most. Nobody waits for w: lines are queued, and dropped where
// the queue is full. flush writes what is left, unless that takes too long, and
// ends the writing.
func Logger(o LogOptions, w io.Writer) (log *slog.Logger, flush func()) {
	level := &slog.HandlerOptions{Level: slog.LevelInfo}
	if o.Debug {
		level.Level = slog.LevelDebug
	}
	f, isFile := w.(*os.File)
	terminal := isFile && term.IsTerminal(int(f.Fd()))
	format := func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, level) }
	if o.Format == "text" || (o.Format == "auto" && terminal) {
		format = func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, level) }
	}
	queue := newLines(w, terminal, format(w))
	return slog.New(logHandler{format(queue), queue}), queue.close
}

// logHandler formats lines for the queue: long ones are clipped, and what somebody
// should see at once is written at once.
type logHandler struct {
	slog.Handler
	lines *lines
}

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	err := errTooLong
	if !overlong(r) {
		err = h.Handler.Handle(ctx, r)
	}
	for limit := longestValue; errors.Is(err, errTooLong) && limit > 0; limit /= 2 {
		err = h.Handler.Handle(ctx, clipped(r, limit))
	}
	if errors.Is(err, errTooLong) { // too many values, rather than too long ones
		bare := slog.NewRecord(r.Time, r.Level, clip(r.Message, longestValue/2), r.PC)
		err = h.Handler.Handle(ctx, bare)
	}
	if r.Level > slog.LevelInfo {
		h.lines.hurry()
	}
	return err
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs), h.lines}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.Handler.WithGroup(name), h.lines}
}

// DroppedLines tells how many lines log has dropped, if Logger made it.
func DroppedLines(log *slog.Logger) float64 {
	if h, ok := log.Handler().(logHandler); ok {
		return float64(h.lines.dropped.Load())
	}
	return 0
}
