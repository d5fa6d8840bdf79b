package store

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"

	"github.com/legivellum/metagate/internal/errs"
)

// PostgreSQL error codes (appendix A of its manual).
const (
	pgUnique     = "23505"
	pgForeignKey = "23503"
	pgRestrict   = "23001"
	pgReadOnly   = "25006"

	pgUndefinedTable  = "42P01"
	pgUndefinedColumn = "42703"
)

// pgAway are the codes, or classes of them, of a database that can't serve now:
// connection, resources, operator intervention, system error; serialization
// failure, deadlock and lock timeout; a read-only or demoted server; a schema that
// isn't ours (yet, or any more); a restored server that isn't set up yet.
var pgAway = []string{"08", "53", "57", "58", "40", "55P03", pgReadOnly, pgUndefinedTable, pgUndefinedColumn, "28P01", "3D000"}

// IsNotFound reports whether a query that wants one row found none.
func IsNotFound(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// IsUnique reports whether a write met a unique constraint.
func IsUnique(err error) bool {
	return isPG(err, pgUnique) || isSQLite(err, sqlitelib.SQLITE_CONSTRAINT_UNIQUE, sqlitelib.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// IsForeignKey reports whether a write met a foreign key: what it refers to is
// missing, or what it deletes is referred to.
func IsForeignKey(err error) bool {
	return isPG(err, pgForeignKey, pgRestrict) ||
		isSQLite(err, sqlitelib.SQLITE_CONSTRAINT_FOREIGNKEY, sqlitelib.SQLITE_CONSTRAINT_TRIGGER)
}

// Classify turns a driver's error into one that may be answered: Unavailable
// when the database can't serve now and the caller should try again, Internal
// otherwise. An *errs.Error stays as it is.
func Classify(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*errs.Error](err); ok {
		return e
	}
	if unavailable(err) {
		return errs.Wrap(err, errs.Unavailable, "the database does not answer: nothing was written, try again")
	}
	return errs.From(err)
}

func unavailable(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return slices.ContainsFunc(pgAway, func(code string) bool { return strings.HasPrefix(e.Code, code) })
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED, sqlitelib.SQLITE_IOERR, sqlitelib.SQLITE_FULL,
			sqlitelib.SQLITE_CANTOPEN, sqlitelib.SQLITE_READONLY, sqlitelib.SQLITE_INTERRUPT,
			sqlitelib.SQLITE_CORRUPT, sqlitelib.SQLITE_NOTADB, sqlitelib.SQLITE_NOMEM, sqlitelib.SQLITE_PERM:
			return true
		}
		return otherSchema(err)
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	return pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone) // the time ended within a transaction
}

// otherSchema reports whether a statement didn't fit the schema: it isn't ours.
func otherSchema(err error) bool {
	return isPG(err, pgUndefinedTable, pgUndefinedColumn) || isSQLite(err, sqlitelib.SQLITE_ERROR, sqlitelib.SQLITE_SCHEMA)
}

func isPG(err error, codes ...string) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.Contains(codes, e.Code)
}

func isSQLite(err error, codes ...int) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && slices.Contains(codes, e.Code())
}
