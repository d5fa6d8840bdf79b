package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/legivellum/metagate/gen/postgres"
)

// NotReady is what a database lacks, though it answers. It may be shown.
type NotReady struct {
	Reason string
	Newer  bool // it is of a newer MetaGate
}

func (e NotReady) Error() string { return e.Reason }

var errReadOnly = NotReady{Reason: "the database is read-only, or a standby"}

func outOfStep(now int64) error {
	if now > newest {
		return NotReady{Newer: true, Reason: fmt.Sprintf(
			"the database is at migration %d, of a newer MetaGate; this one knows up to %d: start the newer one, or restore the backup", now, newest)}
	}
	return NotReady{Reason: fmt.Sprintf("migrations up to %d are pending (the database is at %d): run metagate migrate up", newest, now)}
}

// needed reads nothing, and fails where a table that a bootstrap needs is missing.
const needed = `SELECT 1 FROM tenant_revisions WHERE 1 = 0
UNION ALL SELECT 1 FROM principals WHERE 1 = 0
UNION ALL SELECT 1 FROM api_keys WHERE 1 = 0
UNION ALL SELECT 1 FROM bindings WHERE 1 = 0
UNION ALL SELECT 1 FROM profiles WHERE 1 = 0
UNION ALL SELECT 1 FROM manifests WHERE 1 = 0
UNION ALL SELECT 1 FROM secret_refs WHERE 1 = 0
UNION ALL SELECT 1 FROM startup_sessions WHERE 1 = 0`

// Ready reports whether the database answers, has the migrations of this binary,
// no more and no less, and its tables, and takes writes as far as that is known
// without one. It takes no lock and no writer.
func (s *Store) Ready(ctx context.Context) error {
	now, err := s.engine.version(ctx)
	if err != nil {
		return err
	}
	if now != newest {
		return outOfStep(now)
	}
	if readOnly, err := s.engine.readOnly(ctx); err != nil || readOnly {
		return cmp.Or[error](err, errReadOnly)
	}
	err = s.engine.read(ctx, needed)
	if err != nil && (otherSchema(err) || !unavailable(err)) {
		return fmt.Errorf("%w: %w", NotReady{Reason: "a table is missing, or may not be read"}, err)
	}
	return err
}

// errMoved is of a receipt that was not written: its tenant was written to.
var errMoved = errors.New("the tenant's world has moved")

// TryReceipt finds out whether a receipt can be written, by writing one: the same
// table, indexes, log and commit as a real one's, so that a full disk or a standby
// that doesn't confirm shows. The transaction deletes it again before it commits,
// so nobody ever sees it. To roll back instead would prove less: SQLite writes
// nothing before the commit, and PostgreSQL waits for the disk only then.
func (s *Store) TryReceipt(ctx context.Context) error {
	now := Now()
	err := errMoved
	for tries := 0; tries < 3 && errors.Is(err, errMoved); tries++ {
		err = s.engine.tryReceipt(ctx, OpenStartupParams{ID: NewID(now), PacketID: NewID(now), OpenedAt: now, DeadlineAt: now, Source: "live"})
	}
	return err
}

const anyTenant = "SELECT tenant_key, epoch FROM tenant_revisions LIMIT 1"

func (e pg) readOnly(ctx context.Context) (off bool, err error) {
	err = e.pool.QueryRow(ctx, "SELECT current_setting('transaction_read_only') = 'on'").Scan(&off) // on a standby, too
	return off, err
}

func (e pg) read(ctx context.Context, query string) error {
	_, err := e.pool.Exec(ctx, query)
	return err
}

func (e pg) tryReceipt(ctx context.Context, p OpenStartupParams) error {
	return pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, anyTenant).Scan(&p.TenantKey, &p.Epoch); err != nil {
			return unlessEmpty(err)
		}
		if n, err := postgres.New(tx).OpenStartup(ctx, p); err != nil || n == 0 {
			return cmp.Or(err, errMoved)
		}
		_, err := tx.Exec(ctx, "DELETE FROM startup_sessions WHERE id = $1", p.ID)
		return err
	})
}

// unlessEmpty: where no tenant is, no receipt can be asked for.
func unlessEmpty(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// readOnly is unknown before a write.
func (e embedded) readOnly(context.Context) (bool, error) { return false, nil }

func (e embedded) read(ctx context.Context, query string) error {
	_, err := e.r.ExecContext(ctx, query)
	return err
}

func (e embedded) tryReceipt(ctx context.Context, p OpenStartupParams) error {
	return within(ctx, e.w, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, anyTenant).Scan(&p.TenantKey, &p.Epoch); err != nil {
			return unlessEmpty(err)
		}
		if n, err := liteOf(tx).OpenStartup(ctx, p); err != nil || n == 0 {
			return cmp.Or(err, errMoved)
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM startup_sessions WHERE id = ?", p.ID)
		return err
	})
}
