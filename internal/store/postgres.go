package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	pgxuuid "github.com/vgarvardt/pgx-google-uuid/v5"

	"github.com/legivellum/metagate/gen/postgres"
)

// defaultMaxConns is how many connections there are in all unless the URL sets pool_max_conns.
const defaultMaxConns = 16

type pg struct{ pool *pgxpool.Pool }

func openPostgres(ctx context.Context, url string) (*Store, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, badURL(err)
	}
	if !strings.Contains(url, "pool_max_conns") {
		c.MaxConns = defaultMaxConns
	}
	c.AfterConnect = connected(planned)
	if c.ConnConfig.ValidateConnect == nil { // unless the URL's target_session_attrs wants another
		c.ConnConfig.ValidateConnect = writableServer
	}
	c.ConnConfig.BuildContextWatcherHandler = cancelOnServer
	// Half of the connections are for what components wait for.
	hot := c.Copy()
	hot.AfterConnect = connected(rehearsed)
	hot.MaxConns = max(c.MaxConns/2, 1)
	c.MaxConns = max(c.MaxConns-hot.MaxConns, 1)
	c.MinConns, hot.MinConns = min(c.MinConns, c.MaxConns), min(c.MinConns, hot.MaxConns)
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	hotPool, err := pgxpool.NewWithConfig(ctx, hot)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &Store{
		Queries: postgres.New(pool), engine: pg{pool},
		hot:  &Store{Queries: postgres.New(hotPool), engine: pg{hotPool}},
		shut: func() { hotPool.Close(); pool.Close() },
	}, nil
}

// How PostgreSQL plans what a connection asks. By itself it keeps the plan of a statement
// that was run five times: also one for the tables of a new database, which are empty, until
// they are analysed; a report would read all receipts of that time.
const (
	// planned is for lists and readers, whose filters differ: planned anew each time, for
	// the tables as they are and without the filters that are null.
	planned = `set_config('plan_cache_mode', 'force_custom_plan', false)`
	// rehearsed is for what components wait for, always the same: planned once, for indexes.
	rehearsed = `set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),
		set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false)`
)

// connected makes a new connection ours.
func connected(plans string) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, conn *pgx.Conn) error {
		pgxuuid.Register(conn.TypeMap()) // else each uuid travels through its text
		conn.TypeMap().RegisterType(&pgtype.Type{
			Name: "timestamptz", OID: pgtype.TimestamptzOID,
			Codec: &pgtype.TimestamptzCodec{ScanLocation: Now().Location()},
		})
		registerArrays(conn.TypeMap())
		// An answered receipt is on disk, whatever the server's default is.
		_, err := conn.Exec(ctx, `SELECT `+plans+`, CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END`)
		return err
	}
}

// writableServer refuses a standby, and a server that is set to read only: after a
// failover one must not stay with it.
func writableServer(ctx context.Context, c *pgconn.PgConn) error {
	err := pgconn.ValidateConnectTargetSessionAttrsReadWrite(ctx, c)
	if err != nil && ctx.Err() == nil && !c.IsClosed() {
		err = fmt.Errorf("%w: %w", errReadOnly, err)
	}
	return err
}

// cancelOnServer ends on the server, too, what nobody waits for any more: a list
// that reads millions of rows would go on there by itself.
func cancelOnServer(c *pgconn.PgConn) ctxwatch.Handler {
	return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: 50 * time.Millisecond}
}

// badURL keeps the reason and drops the URL: pgx redacts it, but not all of a
// password that should have been percent-encoded.
func badURL(err error) error {
	reason := err.Error()
	if i := strings.LastIndex(reason, "`: "); i >= 0 {
		reason = reason[i+len("`: "):]
	}
	return fmt.Errorf("no PostgreSQL URL: %s (special characters in user and password want percent-encoding)", reason)
}

func (e pg) inTx(ctx context.Context, fn func(Queries) error) error {
	return e.writable(pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error { return fn(postgres.New(tx)) }))
}

func (e pg) inTxBeside(ctx context.Context, fn func(Queries) error) error { return e.inTx(ctx, fn) }

// writable lets go of all connections when one turns out to be a read-only
// server's: after a failover they would stay with the one that was demoted.
func (e pg) writable(err error) error {
	if isPG(err, pgReadOnly) {
		e.pool.Reset()
	}
	return err
}

func (e pg) inSnapshot(ctx context.Context, fn func(Queries) error) error {
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, e.pool, moment, func(tx pgx.Tx) error { return fn(postgres.New(tx)) })
}

func (e pg) ping(ctx context.Context) error { return e.pool.Ping(ctx) }

func (e pg) migrations(_ context.Context, run func(migrator) error) error {
	// Replicas that start together look for the lock every second, for five minutes.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return fmt.Errorf("migration lock: %w", err)
	}
	sqlDB := stdlib.OpenDBFromPool(e.pool)
	defer sqlDB.Close()
	p, err := provider(goose.DialectPostgres, sqlDB, "postgres", goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	return run(p)
}

func (e pg) version(ctx context.Context) (int64, error) {
	sqlDB := stdlib.OpenDBFromPool(e.pool)
	defer sqlDB.Close()
	return versionIn(ctx, goose.DialectPostgres, sqlDB)
}

// lock does nothing: goose takes an advisory lock for the session that migrates.
func (e pg) lock(context.Context) (unlock func(), err error) { return func() {}, nil }

func (e pg) stats() Stats {
	s := e.pool.Stat()
	return Stats{
		Max: int(s.MaxConns()), Open: int(s.TotalConns()), InUse: int(s.AcquiredConns()),
		Waits: s.EmptyAcquireCount(), WaitTime: s.EmptyAcquireWaitTime(),
	}
}
