// Package original reads the database of the Python original: what of it makes
// worlds of ours, and what can't be carried over. It writes nothing.
package original

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Database is what an original's database holds.
type Database struct {
	Since  string // the commit of the original whose tables these are
	Worlds []*World
	Left   []Left // what can't be carried over
	Idle   Idle
}

// Idle is what opens or describes nothing any more, there as here: it stays behind.
type Idle struct{ APIKeys, Bindings int }

// Left is one thing that can't be carried over. Pointer is the place within its row's
// documents; empty is the row.
type Left struct{ Tenant, Table, Key, Pointer, Why string }

// String is Left in one line. It shows no hash.
func (l Left) String() string {
	text := l.Table + " " + l.Key + ": "
	if l.Pointer != "" {
		text += l.Pointer + ": "
	}
	return text + l.Why
}

const connectWithin = 10 * time.Second

// Read reads the database that url names, in one read-only transaction that sees one
// moment of it.
func Read(ctx context.Context, url string) (*Database, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	if !slices.Contains([]string{"postgres", "postgresql", "postgresql+asyncpg"}, scheme) {
		return nil, errors.New("want postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	config, err := pgx.ParseConfig("postgres:" + rest)
	if err != nil { // its text may hold a part of the password
		return nil, errors.New("no PostgreSQL URL (special characters in user and password want percent-encoding)")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectWithin
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, unreached(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	var d *Database
	err = pgx.BeginTxFunc(ctx, conn, moment, func(tx pgx.Tx) error {
		since, err := recognise(ctx, tx)
		if err != nil {
			return err
		}
		var r rows
		if err := r.read(ctx, tx); err != nil {
			return fmt.Errorf("reading the original's database: %w", err)
		}
		d = r.database()
		d.Since = since
		return nil
	})
	return d, err
}

// unreached is why nobody answered, once and without the addresses that were tried.
func unreached(err error) error {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Errorf("the original's database refuses: %s", refused.Message)
	}
	return fmt.Errorf("the original's database can't be reached: %w", err)
}

// tables are what is read, of every version.
var tables = []struct {
	name    string
	columns []string
}{
	{"principals", []string{"id", "tenant_key", "principal_key", "auth_subject", "principal_type", "status"}},
	{"profiles", []string{"id", "tenant_key", "profile_key", "capabilities", "policy", "startup_sla_seconds"}},
	{"manifests", []string{"id", "tenant_key", "manifest_key", "deployment_key", "environment", "services", "memory_map", "polling", "schemas", "version"}},
	{"bindings", []string{"id", "tenant_key", "principal_id", "profile_id", "manifest_id", "overrides", "active", "created_at"}},
	{"secret_refs", []string{"id", "tenant_key", "secret_key", "ref_kind", "ref_name", "ref_meta", "status"}},
	{"api_keys", []string{"id", "tenant_key", "key_hash", "principal_id", "name", "status", "expires_at"}},
}

// recognise tells by its columns which original's database this is.
func recognise(ctx context.Context, tx pgx.Tx) (since string, err error) {
	there, _ := tx.Query(ctx, `SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = ANY (current_schemas(false))`)
	names, err := pgx.CollectRows(there, pgx.RowTo[string])
	if err != nil {
		return "", err
	}
	has := map[string]bool{}
	for _, name := range names {
		table, _, _ := strings.Cut(name, ".")
		has[table], has[name] = true, true
	}
	if has["tenant_revisions"] {
		return "", errors.New("this is a database of this program, not the original's: metagate export reads its server")
	}
	for _, t := range tables {
		if !has[t.name] {
			return "", fmt.Errorf("this is not the original's database: it has no table %s", t.name)
		}
		for _, c := range t.columns {
			if !has[t.name+"."+c] {
				return "", fmt.Errorf("this is not the original's database: its table %s has no column %s", t.name, c)
			}
		}
	}
	switch {
	case !has["audit_log"]:
		return "660b040", nil
	case !has["api_keys.created_by"]:
		return "between 660b040 and e5b7ee4", nil
	default: // 2026-08 has the same tables
		return "e5b7ee4", nil
	}
}
