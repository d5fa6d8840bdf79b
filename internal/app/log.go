package app

import (
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"

	"github.com/legivellum/metagate/internal/config"
)

// Logger writes JSON lines, or text where w is a terminal (LOG_FORMAT).
func Logger(c config.Config, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	if c.Debug {
		o.Level = slog.LevelDebug
	}
	f, isFile := w.(*os.File)
	if c.LogFormat == "text" || (c.LogFormat == "auto" && isFile && term.IsTerminal(int(f.Fd()))) {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}
