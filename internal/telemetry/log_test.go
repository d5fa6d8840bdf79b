package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/telemetry"
)

// reader is who reads the log, or doesn't: while it is shut a write waits.
type reader struct {
	mu   sync.Mutex // held while it is shut
	text bytes.Buffer
}

func (r *reader) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

var jsonLog = telemetry.LogOptions{Format: "json"}

// parsed are the lines of a log, each of them valid and of a bearable length.
func parsed(t *testing.T, text string) (lines []map[string]any) {
	t.Helper()
	require.True(t, strings.HasSuffix(text, "\n"))
	for line := range strings.Lines(text) {
		require.LessOrEqual(t, len(line), 4096)
		var members map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &members), line)
		lines = append(lines, members)
	}
	return lines
}

func TestWhoeverLogsWaitsForNoReaderAndWhatIsDroppedIsTold(t *testing.T) {
	t.Parallel()
	var r reader
	log, flush := telemetry.Logger(jsonLog, &r)
	r.mu.Lock()
	const lines = 20_000 // far more than may wait
	for i := range lines {
		log.Info("a line", "number", i, "text", strings.Repeat("x", 200))
		if i%100 == 0 {
			log.Warn("an urgent line")
		}
	}
	r.mu.Unlock()
	flush()

	var last float64
	var told, written int
	for _, line := range parsed(t, r.text.String()) {
		switch line["msg"] {
		case "a line":
			require.GreaterOrEqual(t, line["number"], last, "in order")
			last = line["number"].(float64)
			written++
		case "an urgent line":
			written++
		default:
			require.Equal(t, "WARN", line["level"])
			told += int(line["lines"].(float64))
		}
	}
	require.NotZero(t, told)
	require.Equal(t, lines+lines/100, written+told, "each line is there, or counted")
}

func TestTheEndDoesNotWaitForALogThatNobodyReads(t *testing.T) {
	t.Parallel()
	var r reader
	log, flush := telemetry.Logger(jsonLog, &r)
	r.mu.Lock()
	log.Info("a line")
	flush()
	r.mu.Unlock()
}

// full is a disk that has room for half of the first write.
type full struct {
	reader
	failed chan struct{}
}

func (f *full) Write(p []byte) (int, error) {
	select {
	case <-f.failed:
		return f.reader.Write(p)
	default:
		defer close(f.failed)
		n, _ := f.reader.Write(p[:len(p)/2])
		return n, errors.New("no space left on device")
	}
}

func TestALineThatCouldNotBeWrittenIsCountedAndSpoilsNoOther(t *testing.T) {
	t.Parallel()
	f := full{failed: make(chan struct{})}
	log, flush := telemetry.Logger(jsonLog, &f)
	log.Warn("lost")
	<-f.failed
	log.Info("kept")
	flush()
	half, rest, _ := strings.Cut(f.text.String(), "\n")
	require.False(t, json.Valid([]byte(half)))
	lines := parsed(t, rest)
	require.Len(t, lines, 2)
	for _, line := range lines {
		if line["msg"] != "kept" {
			require.EqualValues(t, 1, line["lines"])
		}
	}
}

func TestALogOnAFullDiskKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	disk, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = disk.Close() })
	log, flush := telemetry.Logger(jsonLog, disk)
	for range 10_000 {
		log.Warn("lost", "text", strings.Repeat("x", 1000))
	}
	flush()
}

func TestNoLineIsLongerThanFourKilobytesNorBroken(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 1<<19)
	many := make([]any, 0, 2000)
	for i := range 1000 {
		many = append(many, fmt.Sprint("key-", i), "value")
	}
	for name, say := range map[string]func(*slog.Logger){
		"a path":              func(l *slog.Logger) { l.Info("request", "path", "/"+long, "status", 404) },
		"an error":            func(l *slog.Logger) { l.Error("request", "error", errors.New(long), "status", 500) },
		"what must be quoted": func(l *slog.Logger) { l.Info("request", "path", strings.Repeat("\x00\"<", 4000), "status", 400) },
		"a stack in a group":  func(l *slog.Logger) { l.Error("panic", slog.Group("g", "stack", long), "status", 500) },
		"a message":           func(l *slog.Logger) { l.Warn(long, "status", 500) },
		"several texts":       func(l *slog.Logger) { l.Info("request", "a", long, "b", long, "c", long, "d", long, "status", 400) },
		"a thousand members":  func(l *slog.Logger) { l.Info("request", many...) },
		"a list": func(l *slog.Logger) {
			l.With("with", 1).Info("request", "list", strings.Split(long, "ä"), "status", 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r reader
			log, flush := telemetry.Logger(jsonLog, &r)
			say(log)
			log.Info("short", "path", "/health")
			flush()
			lines := parsed(t, r.text.String())
			require.Len(t, lines, 2)
			require.Equal(t, "/health", lines[1]["path"])
			if name != "a thousand members" {
				require.Contains(t, lines[0], "status", "the short values stay")
			}
		})
	}
}
