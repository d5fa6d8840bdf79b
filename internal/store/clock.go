package store

import (
	"context"
	"time"
)

// Clock is the time by which all replicas agree: the database's; on SQLite, whose writers
// are of one host, this process's.
func (s *Store) Clock(ctx context.Context) (time.Time, error) { return s.engine.clock(ctx) }

func (e pg) clock(ctx context.Context) (now time.Time, err error) {
	err = e.pool.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now)
	return now.UTC().Truncate(time.Microsecond), err
}

func (e embedded) clock(context.Context) (time.Time, error) { return Now(), nil }
