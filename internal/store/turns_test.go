package store

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var logged = regexp.MustCompile(`level=\w+ msg=\w+`)

func TestTurnsAreTakenAgainAndTheFirstFailureAndTheFirstSuccessAreLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	turns := Turns{
		Log: slog.New(slog.NewTextHandler(&log, nil)), Fails: "fails", Resumes: "resumes", Every: time.Microsecond, Slowest: 10 * time.Microsecond,
	}
	type outcome struct {
		did bool
		err error
	}
	bad := errors.New("bad")
	outcomes := []outcome{{true, nil}, {false, bad}, {true, bad}, {false, nil}, {false, bad}, {true, nil}, {true, nil}, {false, bad}, {false, nil}, {true, nil}}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	turns.Run(ctx, func(ctx context.Context) (bool, error) {
		if n++; n > len(outcomes) {
			cancel()
			return false, ctx.Err()
		}
		return outcomes[n-1].did, outcomes[n-1].err
	})
	require.Equal(t, len(outcomes)+1, n)
	require.Equal(t, []string{"level=WARN msg=fails", "level=INFO msg=resumes", "level=WARN msg=fails", "level=INFO msg=resumes"},
		logged.FindAllString(log.String(), -1), "what does nothing is no success, and what ends with the server no failure")
}

func TestTurnsEndWithTheServerAlsoBetweenTwo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	Turns{Log: slog.New(slog.DiscardHandler), Every: time.Hour}.Run(ctx, func(context.Context) (bool, error) {
		n++
		time.AfterFunc(time.Millisecond, cancel)
		return true, nil
	})
	require.Equal(t, 1, n)
}
