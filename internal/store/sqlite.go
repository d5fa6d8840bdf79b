package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"runtime"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/legivellum/metagate/gen/sqlite"
	"github.com/legivellum/metagate/internal/errs"
)

// embedded is SQLite in WAL mode: one writer, many readers that never wait for it.
type embedded struct {
	path     string
	r, w     *sql.DB
	prepared *prepared     // on w
	turns    chan struct{} // of the transactions that are not hot; nil lets all pass
	recent   *recent       // what the batches wrote
}

func openSQLite(path string) (*Store, error) {
	if path == "" || path == ":memory:" {
		return nil, errors.New("sqlite: wants a file, as in sqlite:metagate.db")
	}
	w, err := sql.Open("sqlite", sqliteDSN(path, "immediate", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"))
	if err != nil {
		return nil, err
	}
	w.SetMaxOpenConns(1)
	r, err := openReaders(path, max(4, runtime.NumCPU()))
	if err != nil {
		return nil, err
	}
	hot, err := openReaders(path, max(16, runtime.NumCPU())) // few are idle: one that is free waits until its next user runs
	if err != nil {
		return nil, err
	}
	e := embedded{path: path, r: r, w: w, prepared: newPrepared(w), turns: make(chan struct{}, 1), recent: &recent{}}
	h := e
	h.r, h.turns = hot, nil
	return &Store{
		Queries: lite{r: sqlite.New(r), w: sqlite.New(w)}, engine: e,
		hot: &Store{Queries: lite{r: sqlite.New(kept{hot, newPrepared(hot)}), w: sqlite.New(w)}, engine: h},
		shut: func() {
			_ = r.Close()
			_ = hot.Close()
			_ = w.Close()
		},
	}, nil
}

func openReaders(path string, readers int) (*sql.DB, error) {
	r, err := sql.Open("sqlite", sqliteDSN(path, "deferred", "query_only(1)"))
	if err != nil {
		return nil, err
	}
	r.SetMaxOpenConns(readers)
	r.SetMaxIdleConns(readers)
	return r, nil
}

// sqliteDSN sets how times are written and how long a lock is waited for: less
// than a second, so that a request never hangs on another process's lock.
func sqliteDSN(path, txlock string, pragmas ...string) string {
	q := url.Values{
		"_time_format": {"sqlite"}, "_timezone": {"UTC"}, "_txlock": {txlock},
		"_pragma": append([]string{"busy_timeout(800)"}, pragmas...),
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

func (e embedded) inTx(ctx context.Context, fn func(Queries) error) error {
	return e.inTurn(ctx, func(tx *sql.Tx) error {
		q := e.prepared.reusedBy(tx)
		if _, err := q.ExecContext(ctx, number); err != nil {
			return err
		}
		return fn(liteOf(q))
	})
}

func (e embedded) inTxBeside(ctx context.Context, fn func(Queries) error) error {
	return e.inTurn(ctx, func(tx *sql.Tx) error { return fn(liteOf(e.prepared.reusedBy(tx))) })
}

// inTurn waits for its turn first, so that at most one admin's transaction stands
// before a batch, however many there are.
func (e embedded) inTurn(ctx context.Context, fn func(*sql.Tx) error) error {
	done, err := e.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	e.prepared.prepareMissing(ctx)
	return within(ctx, e.w, fn)
}

func (e embedded) turn(ctx context.Context) (done func(), err error) {
	if e.turns == nil {
		return func() {}, nil
	}
	select {
	case e.turns <- struct{}{}:
		return func() { <-e.turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inSnapshot needs no more than a transaction of a reader: in WAL mode it sees
// the database as it was at its first read.
func (e embedded) inSnapshot(ctx context.Context, fn func(Queries) error) error {
	return within(ctx, e.r, func(tx *sql.Tx) error { return fn(liteOf(tx)) })
}

// lite lets the SQLite queries stand in for the PostgreSQL ones: reads go to r,
// writes to the one writer w. Its methods are generated.
type lite struct{ r, w *sqlite.Queries }

func liteOf(tx sqlite.DBTX) Queries {
	q := sqlite.New(tx)
	return lite{r: q, w: q}
}

func convert[A, B any](rows []A, f func(A) B) []B {
	out := make([]B, len(rows))
	for i, r := range rows {
		out[i] = f(r)
	}
	return out
}

// beginner is a database, or one connection to it.
type beginner interface {
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

func within(ctx context.Context, db beginner, fn func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it has nothing to do
	if err := fn(tx); err != nil {
		if cause := ctx.Err(); cause != nil { // which has closed the transaction and its statements: they tell of that alone
			if _, said := errors.AsType[*errs.Error](err); !said {
				return cause
			}
		}
		return err
	}
	return tx.Commit()
}

func (e embedded) ping(ctx context.Context) error {
	var n int
	if err := e.r.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_master").Scan(&n); err != nil {
		return fmt.Errorf("%s: %w", e.path, err) // SQLite names no file
	}
	return nil
}

func (e embedded) migrations(_ context.Context, run func(migrator) error) error {
	p, err := provider(goose.DialectSQLite3, e.w, "sqlite")
	if err != nil {
		return err
	}
	return run(p)
}

func (e embedded) version(ctx context.Context) (int64, error) {
	var there bool
	err := e.r.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = ?)", goose.DefaultTablename).Scan(&there)
	if err != nil || !there {
		return 0, err
	}
	return versionIn(ctx, goose.DialectSQLite3, e.r)
}

// lock holds a lock file beside the database: goose knows no lock for SQLite.
func (e embedded) lock(ctx context.Context) (unlock func(), err error) {
	l := flock.New(e.path + ".migrate.lock")
	locked, err := l.TryLock()
	if err == nil && !locked {
		slog.WarnContext(ctx, "another process migrates this database: waiting for it", "lock", l.Path(), "at_most", lockWait.String())
		ctx, cancel := context.WithTimeout(ctx, lockWait)
		defer cancel()
		_, err = l.TryLockContext(ctx, lockPoll)
	}
	if err != nil {
		return nil, fmt.Errorf("migration lock %s: %w", l.Path(), err)
	}
	return func() { _ = l.Unlock() }, nil
}

// stats leaves the one writer to one of the two stores that share it.
func (e embedded) stats() Stats {
	r, w := e.r.Stats(), sql.DBStats{}
	if e.turns != nil {
		w = e.w.Stats()
	}
	return Stats{
		Max: r.MaxOpenConnections + w.MaxOpenConnections, Open: r.OpenConnections + w.OpenConnections,
		InUse: r.InUse + w.InUse, Waits: r.WaitCount + w.WaitCount, WaitTime: r.WaitDuration + w.WaitDuration,
	}
}
