package store

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func openNew(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "new.db"))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	return s
}

func TestATransactionReusesWhatOnesBeforeItHavePrepared(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	p := s.engine.(embedded).prepared
	ask := func(q Queries) error {
		_, err := q.ListTenantRevisions(t.Context())
		return err
	}
	require.NoError(t, s.InTx(t.Context(), ask))
	require.Empty(t, p.stmts, "the first one runs them as they are")
	require.Len(t, p.missing, 2, "its own, and that which numbers it")
	require.NoError(t, s.InTx(t.Context(), ask))
	require.Len(t, p.stmts, 2)
	require.Empty(t, p.missing)
	require.NoError(t, s.InTx(t.Context(), func(q Queries) error {
		for range 3 {
			if err := ask(q); err != nil {
				return err
			}
		}
		return nil
	}))

	p.known("SELECT nothing FROM nowhere")
	require.NoError(t, s.InTx(t.Context(), ask), "what another asked in vain is nothing to this one")
	hungUp, hangUp := context.WithCancel(t.Context())
	hangUp()
	require.ErrorIs(t, s.InTx(hungUp, ask), context.Canceled)
	require.NoError(t, s.InTx(t.Context(), ask))
}

func TestATransactionWhoseTimeIsOverSaysSo(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	for range 3 { // its statements are prepared by then
		ctx, end := context.WithCancel(t.Context())
		err := s.InTx(ctx, func(q Queries) error {
			_, err := q.ListTenantRevisions(ctx)
			require.NoError(t, err)
			end()
			require.Eventually(t, func() bool {
				_, err = q.ListTenantRevisions(context.Background())
				return err != nil
			}, time.Minute, time.Millisecond)
			return err
		})
		require.ErrorIs(t, err, context.Canceled)
	}
}
