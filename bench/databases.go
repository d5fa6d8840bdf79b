package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/legivellum/metagate/bench/load"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// database is what growth fills behind the server's back.
type database interface {
	engine() string
	url() string
	// addReceipts writes n READY receipts of the last day and a bit, which no reader has still to count: overdue of them are older than a day.
	addReceipts(ctx context.Context, n, overdue int) error
	// due counts the receipts that are older than when addReceipts said.
	due(ctx context.Context) (int, error)
	// open writes n startups that nobody has reported yet.
	open(ctx context.Context, n int, deadline time.Time) error
	// lastEvent is when the newest event was recorded.
	lastEvent(ctx context.Context) (time.Time, error)
	// number is what a query of one number gives.
	number(ctx context.Context, query string, args ...any) (int, error)
}

// filled is a database that is reached through database/sql.
type filled struct {
	name, driver, address, server string
	insert, count, opening        string
	recorded                      string // in milliseconds
	after                         []string
	before                        time.Time // receipts of an earlier time are due
}

func newPostgres(ctx context.Context, c *testdb.Cluster, name string) (database, error) {
	return &filled{
		name: "PostgreSQL", driver: "pgx", address: c.URL(name), server: c.URL(name),
		// ids are UUIDv7: the time in milliseconds, then whatever is different.
		insert: `INSERT INTO startup_sessions (id, tenant_key, principal_id, principal_key, component_key, profile_key, manifest_key,
			manifest_version, packet_id, packet_etag, status, opened_at, deadline_at, ready_at, build_version, changed)
			SELECT (lpad(to_hex($1::bigint + i * $2::bigint / $3::bigint), 12, '0') || '70008000' || lpad(to_hex(i), 12, '0'))::uuid,
				'default', gen_random_uuid(), 'bench-growth-' || lpad((i % 100000)::text, 6, '0'), 'memorygate_main', 'bench-herd', 'bench-herd',
				1, gen_random_uuid(), md5(i::text) || md5(i::text), 'READY', t, t + interval '2 minutes', t + interval '3 seconds', '1.0.0', 0
			FROM generate_series(0, $3::bigint - 1) i, to_timestamp(($1::bigint + i * $2::bigint / $3::bigint) / 1000.0) t`,
		count: `SELECT count(*) FROM startup_sessions WHERE id < (lpad(to_hex($1::bigint), 12, '0') || '70008000000000000000')::uuid`,
		opening: `INSERT INTO startup_sessions (id, tenant_key, principal_id, principal_key, component_key, profile_key, manifest_key,
			manifest_version, packet_id, packet_etag, status, opened_at, deadline_at)
			SELECT (lpad(to_hex($1::bigint), 12, '0') || '70008001' || lpad(to_hex(i), 12, '0'))::uuid,
				'default', gen_random_uuid(), 'bench-overdue-' || i, 'c' || i, 'bench-herd', 'bench-herd',
				1, gen_random_uuid(), md5(i::text) || md5(i::text), 'OPEN', to_timestamp($1::bigint / 1000.0), to_timestamp($2::bigint / 1000.0)
			FROM generate_series(1, $3::bigint) i`,
		recorded: `SELECT (extract(epoch FROM max(recorded_at)) * 1000)::bigint FROM events`,
		after:    []string{`VACUUM ANALYZE startup_sessions`, `CHECKPOINT`},
	}, c.CreateDatabase(ctx, name, "")
}

func newSQLite(path string) database {
	return &filled{
		name: "SQLite", driver: "sqlite", address: "file:" + path + "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)", server: "sqlite:" + path,
		insert: `INSERT INTO startup_sessions (id, tenant_key, principal_id, principal_key, component_key, profile_key, manifest_key,
			manifest_version, packet_id, packet_etag, status, opened_at, deadline_at, ready_at, build_version)
			WITH RECURSIVE n(i, ms) AS (SELECT 0, ?1 UNION ALL SELECT i + 1, ?1 + (i + 1) * ?2 / ?3 FROM n WHERE i + 1 < ?3),
				t(i, ms, hex, at) AS (SELECT i, ms, format('%012x', ms), format('%s.%03d000+00:00', datetime(ms / 1000, 'unixepoch'), ms % 1000) FROM n)
			SELECT substr(hex, 1, 8) || '-' || substr(hex, 9) || '-7000-8000-' || format('%012x', i),
				'default', format('00000000-0000-4000-8000-%012x', i), format('bench-growth-%06d', i % 100000), 'memorygate_main', 'bench-herd', 'bench-herd',
				1, format('00000000-0000-4000-8000-%012x', i), format('%064x', i), 'READY', at, at, at, '1.0.0' FROM t`,
		count: `SELECT count(*) FROM startup_sessions WHERE id < format('%s-%s-7000-8000-000000000000', substr(format('%012x', ?1), 1, 8), substr(format('%012x', ?1), 9))`,
		opening: `INSERT INTO startup_sessions (id, tenant_key, principal_id, principal_key, component_key, profile_key, manifest_key,
			manifest_version, packet_id, packet_etag, status, opened_at, deadline_at)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?3)
			SELECT substr(format('%012x', ?1), 1, 8) || '-' || substr(format('%012x', ?1), 9) || '-7000-8001-' || format('%012x', i),
				'default', format('00000000-0000-4000-8001-%012x', i), 'bench-overdue-' || i, 'c' || i, 'bench-herd', 'bench-herd',
				1, format('00000000-0000-4000-8001-%012x', i), format('%064x', i), 'OPEN',
				format('%s.%03d000+00:00', datetime(?1 / 1000, 'unixepoch'), ?1 % 1000), format('%s.%03d000+00:00', datetime(?2 / 1000, 'unixepoch'), ?2 % 1000) FROM n`,
		recorded: `SELECT CAST(round((julianday(max(recorded_at)) - 2440587.5) * 86400000) AS integer) FROM events`,
		after:    []string{`PRAGMA wal_checkpoint(TRUNCATE)`},
	}
}

// prepareLimits makes the tables that single rows are committed to.
func prepareLimits(ctx context.Context, binary, url string) error {
	c := exec.CommandContext(ctx, binary, "migrate", "up")
	c.Env, c.Stderr = append(os.Environ(), "DATABASE_URL="+url), os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("metagate migrate up: %w", err)
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range []string{load.NarrowTable, aged, `DROP TABLE aged`, `CHECKPOINT`} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// aged makes the cluster one that has run for a while: it has log segments to use
// again, where a new one makes them while it is measured.
const aged = `CREATE TABLE aged AS SELECT repeat(md5(i::text), 30) FROM generate_series(1, 900000) i`

func (f *filled) engine() string { return f.name }
func (f *filled) url() string    { return f.server }

func (f *filled) addReceipts(ctx context.Context, n, overdue int) error {
	db, err := sql.Open(f.driver, f.address)
	if err != nil {
		return err
	}
	defer db.Close()
	// An hour's distance on either side, so that nothing falls due while it is measured.
	f.before = time.Now().Add(-24 * time.Hour)
	for _, part := range []struct {
		n        int
		from, to time.Time
	}{
		{overdue, f.before.Add(-25 * time.Hour), f.before.Add(-time.Hour)},
		{n - overdue, f.before.Add(time.Hour), time.Now().Add(-time.Hour)},
	} {
		if part.n > 0 {
			if _, err := db.ExecContext(ctx, f.insert, part.from.UnixMilli(), part.to.Sub(part.from).Milliseconds(), part.n); err != nil {
				return err
			}
		}
	}
	for _, statement := range f.after {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func (f *filled) due(ctx context.Context) (int, error) {
	return f.number(ctx, f.count, f.before.UnixMilli())
}

func (f *filled) open(ctx context.Context, n int, deadline time.Time) error {
	db, err := sql.Open(f.driver, f.address)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, f.opening, time.Now().UnixMilli(), deadline.UnixMilli(), n)
	return err
}

func (f *filled) lastEvent(ctx context.Context) (time.Time, error) {
	ms, err := f.number(ctx, f.recorded)
	return time.UnixMilli(int64(ms)), err
}

func (f *filled) number(ctx context.Context, query string, args ...any) (n int, err error) {
	db, err := sql.Open(f.driver, f.address)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, err
}
