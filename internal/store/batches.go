package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/pgbatch"
	"github.com/legivellum/metagate/gen/sqlite"
)

// Reported is how a startup was closed: by the report that won.
type Reported struct {
	Status string
	At     time.Time
}

// batches are the writes of the hot path: many rows, one commit.
type batches interface {
	openStartups(ctx context.Context, rows []OpenStartupParams) (opened []bool, err error)
	reportStartups(ctx context.Context, rows []ReportStartupParams) (map[uuid.UUID]Reported, error)
}

// OpenStartups is OpenStartup for many rows with one commit; opened tells of each
// row whether it was written, or its revision has moved. An error means that
// none was written, unless the connection broke at the commit.
func (s *Store) OpenStartups(ctx context.Context, rows []OpenStartupParams) (opened []bool, err error) {
	return s.engine.openStartups(ctx, rows)
}

// ReportStartups is ReportStartup for many rows with one commit. What is left
// out was not OPEN, not the caller's, or its caller's revision has moved.
func (s *Store) ReportStartups(ctx context.Context, rows []ReportStartupParams) (map[uuid.UUID]Reported, error) {
	return s.engine.reportStartups(ctx, rows)
}

func (e embedded) openStartups(ctx context.Context, rows []OpenStartupParams) ([]bool, error) {
	opened := make([]bool, len(rows))
	err := e.inBatch(ctx, func(ctx context.Context, q *sqlite.Queries) error {
		for i, r := range rows {
			n, err := q.OpenStartup(ctx, sqlite.OpenStartupParams(r))
			if err != nil {
				return err
			}
			opened[i] = n == 1
		}
		return nil
	})
	if err != nil {
		return nil, err // what was opened was rolled back
	}
	return opened, nil
}

func (e embedded) reportStartups(ctx context.Context, rows []ReportStartupParams) (map[uuid.UUID]Reported, error) {
	reported := make(map[uuid.UUID]Reported, len(rows))
	err := e.inBatch(ctx, func(ctx context.Context, q *sqlite.Queries) error {
		for _, r := range rows {
			n, err := q.ReportStartup(ctx, sqlite.ReportStartupParams(r))
			if err != nil {
				return err
			}
			if n == 1 {
				reported[r.ID] = Reported{r.Status, *reportedAt(r)}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return reported, nil
}

// inBatch is inTx for one statement that is executed many times. Beginning and
// committing end with ctx; a row doesn't: it takes microseconds, and watching
// the context takes as long.
func (e embedded) inBatch(ctx context.Context, fn func(context.Context, *sqlite.Queries) error) error {
	return within(ctx, e.w, func(tx *sql.Tx) error {
		return fn(context.WithoutCancel(ctx), sqlite.New(&repeated{Tx: tx}))
	})
}

// repeated is a transaction that keeps its last statement prepared.
type repeated struct {
	*sql.Tx
	query string
	stmt  *sql.Stmt // closed with the transaction
}

func (r *repeated) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if r.query != query {
		stmt, err := r.PrepareContext(ctx, query)
		if err != nil {
			return nil, err
		}
		r.query, r.stmt = query, stmt
	}
	return r.stmt.ExecContext(ctx, args...)
}

func reportedAt(r ReportStartupParams) *time.Time {
	if r.ReadyAt != nil {
		return r.ReadyAt
	}
	return r.FailedAt
}

func (e pg) openStartups(ctx context.Context, rows []OpenStartupParams) ([]bool, error) {
	a := pgbatch.OpenStartupsParams{
		Ids:        column(rows, func(r *OpenStartupParams) uuid.UUID { return r.ID }),
		TenantKeys: column(rows, func(r *OpenStartupParams) string { return r.TenantKey }),
		Revisions:  column(rows, func(r *OpenStartupParams) int64 { return r.Revision }),

		PrincipalIds:  column(rows, func(r *OpenStartupParams) uuid.UUID { return r.PrincipalID }),
		PrincipalKeys: column(rows, func(r *OpenStartupParams) string { return r.PrincipalKey }),
		ComponentKeys: column(rows, func(r *OpenStartupParams) string { return r.ComponentKey }),

		ProfileKeys:      column(rows, func(r *OpenStartupParams) string { return r.ProfileKey }),
		ManifestKeys:     column(rows, func(r *OpenStartupParams) string { return r.ManifestKey }),
		ManifestVersions: column(rows, func(r *OpenStartupParams) int64 { return r.ManifestVersion }),
		PacketIds:        column(rows, func(r *OpenStartupParams) uuid.UUID { return r.PacketID }),
		PacketEtags:      column(rows, func(r *OpenStartupParams) string { return r.PacketEtag }),

		OpenedAts:   column(rows, func(r *OpenStartupParams) time.Time { return r.OpenedAt }),
		DeadlineAts: column(rows, func(r *OpenStartupParams) time.Time { return r.DeadlineAt }),
	}
	q := pgbatch.New(e.pool)
	n, err := q.OpenStartups(ctx, a)
	if err != nil {
		return nil, err
	}
	opened := make([]bool, len(rows))
	if n == int64(len(rows)) { // nearly always
		for i := range opened {
			opened[i] = true
		}
		return opened, nil
	}
	there, err := q.WhichStartups(ctx, a.Ids)
	if err != nil {
		return nil, err
	}
	for i, id := range a.Ids {
		opened[i] = slices.Contains(there, id)
	}
	return opened, nil
}

func (e pg) reportStartups(ctx context.Context, rows []ReportStartupParams) (map[uuid.UUID]Reported, error) {
	a := pgbatch.ReportStartupsParams{
		Ids:             column(rows, func(r *ReportStartupParams) uuid.UUID { return r.ID }),
		PrincipalIds:    column(rows, func(r *ReportStartupParams) uuid.UUID { return r.PrincipalID }),
		CallerTenants:   column(rows, func(r *ReportStartupParams) string { return r.CallerTenant }),
		CallerRevisions: column(rows, func(r *ReportStartupParams) int64 { return r.CallerRevision }),
		Statuses:        column(rows, func(r *ReportStartupParams) string { return r.Status }),
		ReportedAts:     column(rows, func(r *ReportStartupParams) time.Time { return *reportedAt(*r) }),
		BuildVersions:   column(rows, func(r *ReportStartupParams) string { return empty(r.BuildVersion) }),
		Healths:         column(rows, func(r *ReportStartupParams) string { return string(r.Health) }),
		Errors:          column(rows, func(r *ReportStartupParams) string { return empty(r.Error) }),
		Details:         column(rows, func(r *ReportStartupParams) string { return string(r.Details) }),
	}
	won, err := pgbatch.New(e.pool).ReportStartups(ctx, a)
	if err != nil {
		return nil, err
	}
	reported := make(map[uuid.UUID]Reported, len(won))
	for _, r := range won {
		reported[r.ID] = Reported{r.Status, r.ReportedAt}
	}
	return reported, nil
}

func column[R, T any](rows []R, of func(*R) T) []T {
	out := make([]T, len(rows))
	for i := range rows {
		out[i] = of(&rows[i])
	}
	return out
}

// empty is how an absent text travels in an array: the statement makes it NULL
// again, and neither text may be empty itself.
func empty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
