// Package store is the database: one port, two engines. PostgreSQL is reached
// through a pgx pool; SQLite is embedded. The port is sqlc's PostgreSQL Querier,
// and the rows are sqlc's rows; the rest of the program sees them through the
// aliases in rows.gen.go.
package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/db"
	"github.com/legivellum/metagate/gen/postgres"
)

// Queries are the prepared statements of db/queries.
type Queries = postgres.Querier

// JSON is the text of a JSON column.
type JSON = db.JSON

// Store is an open database. Its methods are safe for concurrent use.
type Store struct {
	Queries
	engine engine
	hot    *Store
	shut   func()
}

// engine is what differs beyond the queries.
type engine interface {
	inTx(ctx context.Context, fn func(Queries) error) error
	inTxBeside(ctx context.Context, fn func(Queries) error) error
	inSnapshot(ctx context.Context, fn func(Queries) error) error
	staged(ctx context.Context, record, confirm func(Queries) error) error
	ping(ctx context.Context) error
	migrations(ctx context.Context, run func(migrator) error) error
	version(ctx context.Context) (int64, error)
	readOnly(ctx context.Context) (bool, error)
	read(ctx context.Context, query string) error
	settled(ctx context.Context) (int64, error)
	clock(ctx context.Context) (time.Time, error)
	written(after, upTo int64) []Written
	unwritten()
	countedOf(ctx context.Context, ids []uuid.UUID) ([]ListCountedRow, error)
	putRosters(ctx context.Context, rows []PutRosterParams) error
	tryReceipt(ctx context.Context, p OpenStartupParams) error
	lock(ctx context.Context) (unlock func(), err error)
	batches
	lastComponents(ctx context.Context, tenantKey string, principalKeys []string) (map[string]string, error)
	stats() Stats
}

// Stats is the state of the connection pool.
type Stats struct {
	Max, Open, InUse int
	Waits            int64         // acquisitions that had to wait, since the start
	WaitTime         time.Duration // what they waited in all
}

// Open opens the database that url names: postgres://…, postgresql://…,
// postgresql+asyncpg://… (the Python original's spelling) or sqlite:PATH. It
// doesn't connect yet: Ping or Migrate do.
func Open(ctx context.Context, url string) (*Store, error) {
	if path, ok := EmbeddedPath(url); ok {
		return openSQLite(path)
	}
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "postgres", "postgresql", "postgresql+asyncpg":
		return openPostgres(ctx, "postgres:"+rest)
	default:
		return nil, fmt.Errorf("want postgres://USER:PASSWORD@HOST:PORT/DATABASE or sqlite:PATH")
	}
}

// EmbeddedPath is the file of a url that names an embedded database: sqlite:PATH or sqlite://PATH.
func EmbeddedPath(url string) (path string, ok bool) {
	rest, ok := strings.CutPrefix(url, "sqlite:")
	return strings.TrimPrefix(rest, "//"), ok
}

// InTx runs fn in a transaction: committed when fn returns nil, rolled back
// otherwise. On SQLite it holds the one writer, so fn must use its Queries only.
func (s *Store) InTx(ctx context.Context, fn func(Queries) error) error {
	return s.engine.inTx(ctx, fn)
}

// InTxBeside is InTx for what writes no startup: it takes none of their numbers, so
// that those of a process have few gaps (see Written).
func (s *Store) InTxBeside(ctx context.Context, fn func(Queries) error) error {
	return s.engine.inTxBeside(ctx, fn)
}

// InSnapshot runs fn in a read-only transaction that sees one moment of the
// database, whatever is written meanwhile; it neither waits for writers nor
// makes them wait.
func (s *Store) InSnapshot(ctx context.Context, fn func(Queries) error) error {
	return s.engine.inSnapshot(ctx, fn)
}

// Ping asks the database for an answer.
func (s *Store) Ping(ctx context.Context) error { return s.engine.ping(ctx) }

// Hot is the same database over connections of its own, for what components wait
// for: however many admins read and write, these are not taken. On SQLite, which
// has one writer, they go before all others.
func (s *Store) Hot() *Store { return s.hot }

// Embedded tells whether the database is part of this process, whose processors its commits take.
func (s *Store) Embedded() bool {
	_, is := s.engine.(embedded)
	return is
}

// Stats describes the connections now, the hot ones too.
func (s *Store) Stats() Stats {
	all := s.engine.stats()
	if s.hot != nil {
		hot := s.hot.Stats()
		all.Max, all.Open, all.InUse = all.Max+hot.Max, all.Open+hot.Open, all.InUse+hot.InUse
		all.Waits, all.WaitTime = all.Waits+hot.Waits, all.WaitTime+hot.WaitTime
	}
	return all
}

// Close waits for what is in flight and closes the database.
func (s *Store) Close() { s.shut() }

// Now is the present time as both engines store it: UTC, whole microseconds.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// NewID returns a UUIDv7 (RFC 9562) of the time t. Ids sort by time, and those
// that one process makes for the same time sort in the order they were made.
func NewID(t time.Time) uuid.UUID {
	var id uuid.UUID
	_, _ = rand.Read(id[12:]) // never fails
	setTime(&id, t)
	// RFC 9562, section 6.2: microseconds in rand_a (method 3), then a counter of 30 bits.
	fraction := uint16(t.Nanosecond() / 1000 % 1000 * 4)
	binary.BigEndian.PutUint16(id[6:], 0x7000|fraction)
	binary.BigEndian.PutUint32(id[8:], 0x8000_0000|made.Add(1)&0x3fff_ffff)
	return id
}

var made atomic.Uint32

// FirstID returns the smallest UUIDv7 of t's millisecond: ids below it are older.
func FirstID(t time.Time) uuid.UUID {
	id := uuid.UUID{6: 0x70, 8: 0x80}
	setTime(&id, t)
	return id
}

func setTime(id *uuid.UUID, t time.Time) {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(t.UnixMilli()))
	copy(id[:6], ms[2:])
}

// MinID and MaxID enclose every id: where a list starts, forwards or backwards.
var (
	MinID = uuid.UUID{}
	MaxID = uuid.Max
)
