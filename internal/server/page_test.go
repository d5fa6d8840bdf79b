package server

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

func TestOnlyAFewListsAreReadAtATimeAndNoneForLong(t *testing.T) {
	t.Parallel()
	s := &Server{scans: make(chan struct{}, scansAtOnce)}
	as := context.WithValue(t.Context(), callKey{}, &call{caller: identity.Caller{TenantKey: "t"}})
	scan := func(ctx context.Context, tenant string) (context.Context, page, func(), error) {
		return s.scan(ctx, &tenant, nil, nil, store.MinID)
	}
	var done []func()
	for range scansAtOnce {
		ctx, pg, end, err := scan(as, "t")
		require.NoError(t, err)
		require.Equal(t, page{tenant: new("t"), from: store.MinID, limit: defaultLimit}, pg)
		_, bounded := ctx.Deadline()
		require.True(t, bounded)
		done = append(done, end)
	}
	over, cancel := context.WithCancel(as)
	cancel()
	_, _, _, err := scan(over, "t")
	require.True(t, errs.Is(err, errs.Unavailable), "%v", err)
	_, _, _, err = scan(over, "another's")
	require.True(t, errs.Is(err, errs.Forbidden), "who may not is told at once: %v", err)
	done[0]()
	_, _, end, err := scan(as, "t")
	require.NoError(t, err)
	end()
	done[1]()
	require.Empty(t, s.scans)
}
