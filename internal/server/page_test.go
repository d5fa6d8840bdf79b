package server

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
)

func TestOnlyAFewListsAreReadAtATimeAndNoneForLong(t *testing.T) {
	t.Parallel()
	s := &Server{scans: make(chan struct{}, scansAtOnce)}
	var done []func()
	for range scansAtOnce {
		ctx, end, err := s.scan(t.Context())
		require.NoError(t, err)
		_, bounded := ctx.Deadline()
		require.True(t, bounded)
		done = append(done, end)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := s.scan(over)
	require.True(t, errs.Is(err, errs.Unavailable), "%v", err)
	done[0]()
	_, end, err := s.scan(t.Context())
	require.NoError(t, err)
	end()
	done[1]()
	require.Empty(t, s.scans)
}
