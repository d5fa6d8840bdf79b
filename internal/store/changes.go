package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Settled is the change up to which ListChanges shows all there will ever be: no
// writer is under way that has a lower number and may still commit. Startups are
// read in this order and not by their ids, for a writer that was held up commits
// ids that readers have passed. It waits for writers, and is to be asked beside the
// write path.
func (s *Store) Settled(ctx context.Context) (change int64, err error) {
	return s.engine.settled(ctx)
}

// number gives a transaction its number: committed transactions have ascending ones.
const number = "UPDATE change_number SET n = n + 1"

// settled: there is one writer, so what is committed has no gaps.
func (e embedded) settled(ctx context.Context) (n int64, err error) {
	err = e.r.QueryRowContext(ctx, "SELECT n FROM change_number").Scan(&n)
	return n, err
}

const (
	lastChange = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM startup_changes"
	// A statement locks its table before it is executed, and so before it takes a
	// number, and lets go when its transaction has ended.
	changing = `SELECT virtualtransaction FROM pg_locks
		WHERE relation = 'startup_sessions'::regclass AND mode = 'RowExclusiveLock' AND granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
	changingPoll = 5 * time.Millisecond
)

// settled waits until all have ended who were writing when the number was the last.
func (e pg) settled(ctx context.Context) (n int64, err error) {
	if err := e.pool.QueryRow(ctx, lastChange).Scan(&n); err != nil {
		return 0, err
	}
	writers, err := e.changing(ctx)
	for err == nil && len(writers) > 0 {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(changingPoll):
		}
		var now []string
		now, err = e.changing(ctx)
		writers = slices.DeleteFunc(writers, func(w string) bool { return !slices.Contains(now, w) })
	}
	return n, err
}

func (e pg) changing(ctx context.Context) ([]string, error) {
	rows, err := e.pool.Query(ctx, changing)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
