package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/storetest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func requireCode(t *testing.T, code errs.Code, err error) {
	t.Helper()
	require.Error(t, err)
	classified := store.Classify(fmt.Errorf("wrapped: %w", err))
	require.True(t, errs.Is(classified, code), "%v", classified)
	require.ErrorIs(t, classified, err, "the cause is kept for the log")
	require.NotContains(t, errs.From(classified).Message, err.Error(), "no driver text in the message")
}

func TestAnErrorThatIsAlreadyClassifiedStaysAsItIs(t *testing.T) {
	t.Parallel()
	require.NoError(t, store.Classify(nil))
	err := errs.New(errs.NotFound, "no such thing")
	require.Equal(t, error(err), store.Classify(fmt.Errorf("wrapped: %w", err)))
}

func TestADatabaseThatRefusesIsUnavailable(t *testing.T) {
	t.Parallel()
	requireCode(t, errs.Unavailable, open(t, "postgres://u:p@127.0.0.1:1/d").Ping(t.Context()))
	requireCode(t, errs.Unavailable, open(t, "sqlite:"+t.TempDir()+"/missing/metagate.db").Ping(t.Context()))
}

func TestATimeThatRanOutIsUnavailable(t *testing.T) {
	t.Parallel()
	testdb.Each(t, storetest.Migrate, func(t *testing.T, url string) {
		s := open(t, url)
		ctx, cancel := context.WithDeadline(t.Context(), time.Now())
		defer cancel()
		requireCode(t, errs.Unavailable, s.Ping(ctx))
		_, err := s.GetRevision(ctx, "default")
		requireCode(t, errs.Unavailable, err)
		_, err = s.LockTenant(ctx, store.LockTenantParams{TenantKey: "default"})
		requireCode(t, errs.Unavailable, err)
		requireCode(t, errs.Unavailable, s.SetRevision(ctx, store.SetRevisionParams{TenantKey: "default"}))
		requireCode(t, errs.Unavailable, s.InTx(ctx, func(store.Queries) error { return nil }))
	})
}

func TestATransactionWhoseTimeEndedWithinItIsUnavailable(t *testing.T) {
	t.Parallel()
	requireCode(t, errs.Unavailable, sql.ErrTxDone)
}

func TestALockThatIsNotGivenIsUnavailable(t *testing.T) {
	t.Parallel()
	testdb.Each(t, storetest.Migrate, func(t *testing.T, url string) {
		s := open(t, url)
		epoch, err := storetest.Move(t.Context(), s, "default")
		require.NoError(t, err)
		tx, err := raw(t, url).BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), "UPDATE tenant_revisions SET revision = 7")
		require.NoError(t, err)

		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err = storetest.Move(ctx, s, "default")
		requireCode(t, errs.Unavailable, err)
		at, err := s.GetRevision(t.Context(), "default")
		require.NoError(t, err, "readers don't wait for a writer")
		require.Equal(t, store.GetRevisionRow{Revision: 1, Epoch: epoch}, at)

		require.NoError(t, tx.Rollback())
		_, err = storetest.Move(t.Context(), s, "default")
		require.NoError(t, err)
	})
}

func TestAMistakeOfOursIsInternal(t *testing.T) {
	t.Parallel()
	requireCode(t, errs.Internal, errors.New("SSL is off: 57P01 database is locked, SQLITE_BUSY, 08006"))
	testdb.Each(t, storetest.Migrate, func(t *testing.T, url string) {
		s := open(t, url)
		_, err := s.GetPrincipal(t.Context(), uuid.New())
		requireCode(t, errs.Internal, err)
		p := store.CreatePrincipalParams{ID: uuid.New(), TenantKey: "t", PrincipalKey: "p", AuthSubject: "s", Status: "active"}
		_, err = s.CreatePrincipal(t.Context(), p)
		require.NoError(t, err)
		_, err = s.CreatePrincipal(t.Context(), p)
		requireCode(t, errs.Internal, err)
		p.ID, p.PrincipalKey, p.AuthSubject, p.Status = uuid.New(), "q", "q", "no such status"
		_, err = s.CreatePrincipal(t.Context(), p)
		requireCode(t, errs.Internal, err)
		require.False(t, store.IsUnique(err) || store.IsForeignKey(err), "a check is neither")
	})
}
