package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/legivellum/metagate/gen/litebatch"
	"github.com/legivellum/metagate/gen/pgbatch"
	"github.com/legivellum/metagate/gen/sqlite"
	"github.com/legivellum/metagate/internal/errs"
)

// Reported is how a startup was closed: by the report that won.
type Reported struct {
	Status string
	At     time.Time
}

// Opening is what became of a row that was to open a startup.
type Opening int8

// What may become of it.
const (
	Stale    Opening = iota // not written: its epoch has passed
	Opened                  // written
	Repeated                // not written: there was one of its id already
)

// batches are the writes of the hot path: many rows, one commit.
type batches interface {
	openStartups(ctx context.Context, rows []OpenStartupParams) ([]Opening, error)
	reportStartups(ctx context.Context, rows []ReportStartupParams) (map[uuid.UUID]Reported, error)
}

// OpenStartups is OpenStartup for many rows with one commit, and tells what became of
// each. Of a row that is neither of its epoch nor new it tells the latter. An error
// means that none was written, unless the connection broke at the commit.
func (s *Store) OpenStartups(ctx context.Context, rows []OpenStartupParams) ([]Opening, error) {
	return s.engine.openStartups(ctx, rows)
}

// ReportStartups is ReportStartup for many rows with one commit. What is left
// out was not OPEN, not the caller's, or its caller's epoch has passed.
func (s *Store) ReportStartups(ctx context.Context, rows []ReportStartupParams) (map[uuid.UUID]Reported, error) {
	return s.engine.reportStartups(ctx, rows)
}

func (e embedded) openStartups(ctx context.Context, rows []OpenStartupParams) (openings []Opening, err error) {
	if len(rows) == 0 {
		return nil, nil
	}
	var all recorded
	q := sqlite.New(&all)
	for _, r := range rows {
		if _, err := q.OpenStartup(ctx, sqlite.OpenStartupParams(r)); err != nil {
			return nil, err
		}
	}
	insertion, err := e.prepared.insertion(ctx, all)
	if err != nil {
		return nil, err
	}
	change, err := e.inBatch(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := insertion.run(ctx, tx)
		if err != nil {
			return err
		}
		openings, err = which(rows, n, func(ids []uuid.UUID) ([]pgbatch.WhichStartupsRow, error) {
			list, err := json.Marshal(ids)
			if err != nil {
				return nil, err
			}
			there, err := litebatch.New(tx).WhichStartups(ctx, string(list))
			return column(there, func(r *litebatch.WhichStartupsRow) pgbatch.WhichStartupsRow { return pgbatch.WhichStartupsRow(*r) }), err
		})
		return err
	})
	if err != nil {
		return nil, err // what was opened was rolled back
	}
	e.recent.opened(change, rows, openings)
	return openings, nil
}

func (e embedded) reportStartups(ctx context.Context, rows []ReportStartupParams) (map[uuid.UUID]Reported, error) {
	reported := make(map[uuid.UUID]Reported, len(rows))
	if len(rows) == 0 {
		return reported, nil
	}
	var all recorded
	q := sqlite.New(&all)
	for _, r := range rows {
		if _, err := q.ReportStartup(ctx, sqlite.ReportStartupParams(r)); err != nil {
			return nil, err
		}
	}
	one, err := e.prepared.get(ctx, statement{all.query, 1})
	if err != nil {
		return nil, err
	}
	var won []ReportStartupParams
	change, err := e.inBatch(ctx, func(ctx context.Context, tx *sql.Tx) error {
		stmt := tx.StmtContext(ctx, one) //nolint:sqlclosecheck // closed with tx
		for i, r := range rows {
			result, err := stmt.ExecContext(ctx, all.rows[i]...)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			if n == 1 {
				reported[r.ID] = Reported{r.Status, *reportedAt(r)}
				won = append(won, r)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	e.recent.reported(change, won)
	return reported, nil
}

// inBatch is inTx for statements that take microseconds: watching the context
// takes as long. Beginning and committing end with ctx. It tells its number.
func (e embedded) inBatch(ctx context.Context, fn func(context.Context, *sql.Tx) error) (change int64, err error) {
	raise, err := e.prepared.get(ctx, statement{number + " RETURNING n", 1})
	if err != nil {
		return 0, err
	}
	err = within(ctx, e.w, func(tx *sql.Tx) error {
		ctx := context.WithoutCancel(ctx)
		if err := tx.StmtContext(ctx, raise).QueryRowContext(ctx).Scan(&change); err != nil { //nolint:sqlclosecheck // closed with tx
			return err
		}
		return fn(ctx, tx)
	})
	return change, err
}

func reportedAt(r ReportStartupParams) *time.Time {
	if r.ReadyAt != nil {
		return r.ReadyAt
	}
	return r.FailedAt
}

func (e pg) openStartups(ctx context.Context, rows []OpenStartupParams) ([]Opening, error) {
	a := pgbatch.OpenStartupsParams{
		Ids:        column(rows, func(r *OpenStartupParams) uuid.UUID { return r.ID }),
		TenantKeys: column(rows, func(r *OpenStartupParams) string { return r.TenantKey }),
		Epochs:     column(rows, func(r *OpenStartupParams) int64 { return r.Epoch }),

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

		InstanceIds: sparse(rows, func(r *OpenStartupParams) string { return empty(r.InstanceID) }),
		Hosts:       sparse(rows, func(r *OpenStartupParams) string { return empty(r.Host) }),
		Labels:      sparse(rows, func(r *OpenStartupParams) string { return string(r.Labels) }),
		Sources:     column(rows, func(r *OpenStartupParams) string { return r.Source }),
		Credentials: sparse(rows, func(r *OpenStartupParams) string { return string(r.Credential) }),
		RemoteAddrs: sparse(rows, func(r *OpenStartupParams) string { return empty(r.RemoteAddr) }),

		DeploymentKeys: sparse(rows, func(r *OpenStartupParams) string { return empty(r.DeploymentKey) }),
		PacketBodies: column(rows, func(r *OpenStartupParams) int64 {
			if r.PacketBody == nil {
				return 0
			}
			return *r.PacketBody
		}),
	}
	q := pgbatch.New(e.pool)
	n, err := q.OpenStartups(ctx, a)
	if IsUnique(err) {
		n, err = pgbatch.New(leavingOut{e.pool}).OpenStartups(ctx, a)
	}
	if err != nil {
		return nil, e.writable(err)
	}
	return which(rows, n, func(ids []uuid.UUID) ([]pgbatch.WhichStartupsRow, error) { return q.WhichStartups(ctx, ids) })
}

// leavingOut has an INSERT leave out the rows whose id there is.
type leavingOut struct{ pgbatch.DBTX }

func (l leavingOut) Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error) {
	return l.DBTX.Exec(ctx, query+"\nON CONFLICT (id) DO NOTHING", args...)
}

// which tells what became of each row. Nearly always all n of them were written;
// else there gives those of the ids that are, with the packet_id by which a row
// knows itself: it is new each time.
func which(rows []OpenStartupParams, n int64, there func(ids []uuid.UUID) ([]pgbatch.WhichStartupsRow, error)) ([]Opening, error) {
	if n == int64(len(rows)) {
		return slices.Repeat([]Opening{Opened}, len(rows)), nil
	}
	written, err := there(column(rows, func(r *OpenStartupParams) uuid.UUID { return r.ID }))
	if err != nil { // never tried again: the rows may be there
		return nil, errs.Wrap(err, errs.Unavailable, "the database does not answer: try again")
	}
	packets := make(map[uuid.UUID]uuid.UUID, len(written))
	for _, w := range written {
		packets[w.ID] = w.PacketID
	}
	openings := make([]Opening, len(rows))
	for i, r := range rows {
		switch packet, found := packets[r.ID]; {
		case found && packet == r.PacketID:
			openings[i] = Opened
		case found:
			openings[i] = Repeated
		}
	}
	return openings, nil
}

func (e pg) reportStartups(ctx context.Context, rows []ReportStartupParams) (map[uuid.UUID]Reported, error) {
	a := pgbatch.ReportStartupsParams{
		Ids:           column(rows, func(r *ReportStartupParams) uuid.UUID { return r.ID }),
		PrincipalIds:  column(rows, func(r *ReportStartupParams) uuid.UUID { return r.PrincipalID }),
		CallerTenants: column(rows, func(r *ReportStartupParams) string { return r.CallerTenant }),
		CallerEpochs:  column(rows, func(r *ReportStartupParams) int64 { return r.CallerEpoch }),
		Statuses:      column(rows, func(r *ReportStartupParams) string { return r.Status }),
		ReportedAts:   column(rows, func(r *ReportStartupParams) time.Time { return *reportedAt(*r) }),
		BuildVersions: column(rows, func(r *ReportStartupParams) string { return empty(r.BuildVersion) }),
		Healths:       sparse(rows, func(r *ReportStartupParams) string { return string(r.Health) }),
		Errors:        column(rows, func(r *ReportStartupParams) string { return empty(r.Error) }),
		Details:       sparse(rows, func(r *ReportStartupParams) string { return string(r.Details) }),
	}
	won, err := pgbatch.New(e.pool).ReportStartups(ctx, a)
	if err != nil {
		return nil, e.writable(err)
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

// sparse is column for texts that most rows lack: where all do it is empty, and
// PostgreSQL, which unnests all columns in step, takes NULL for each.
func sparse[R any](rows []R, of func(*R) string) []string {
	for i := range rows {
		if of(&rows[i]) != "" {
			return column(rows, of)
		}
	}
	return []string{}
}

// empty is how an absent text travels in an array: the statement makes it NULL again.
func empty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
