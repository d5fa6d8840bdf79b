package store

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/legivellum/metagate/gen/postgres"
)

// pgRecorder keeps statements in place of a connection.
type pgRecorder struct {
	postgres.DBTX // reads aren't recorded: they would panic
	all           []*pgx.QueuedQuery
}

func (r *pgRecorder) Exec(_ context.Context, query string, args ...any) (pgconn.CommandTag, error) {
	r.all = append(r.all, &pgx.QueuedQuery{SQL: query, Arguments: args})
	return pgconn.CommandTag{}, nil
}

func (r *pgRecorder) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	_, _ = r.Exec(ctx, query, args...)
	return unwritten{}
}

type unwritten struct{}

// Scan implements pgx.Row.
func (unwritten) Scan(...any) error { return errRecorded }

// pipelined is how many statements are sent at once.
const pipelined = 500

func (e pg) staged(ctx context.Context, record, confirm func(Queries) error) error {
	var r pgRecorder
	if err := record(recording{postgres.New(&r)}); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		if err := confirm(postgres.New(tx)); err != nil {
			return err
		}
		for some := range slices.Chunk(r.all, pipelined) {
			if err := tx.SendBatch(ctx, &pgx.Batch{QueuedQueries: some}).Close(); err != nil {
				return err
			}
		}
		return nil
	})
}
