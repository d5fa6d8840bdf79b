package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/legivellum/metagate/gen/sqlite"
)

// stage is a connection of its own, beside those that serve. What to insert and to
// delete waits in its temporary tables, which no lock of the database covers: filling them takes
// most of the time. The one writer is held only while they are copied over.
type stage struct {
	sqlite.DBTX // reads aren't recorded: they would panic
	conn        *sql.Conn
	none        *sql.DB // gives rows that can't be scanned
	tables      map[string]*staging
	failed      error
	steps       []step
}

// step is a run of staged rows of one table, or another statement.
type step struct {
	rows     *staging
	from, to int64 // of rows, by rowid
	query    string
	args     []any
}

// staging is a temporary table of rows to insert, or of ids to delete.
type staging struct {
	table, columns, values string // columns are those of the table from
	from                   string
	flip                   string // does to that table what a range of rows says
	waiting                []any  // arguments of rows that aren't in it yet
	many                   *sql.Stmt
	width                  int   // arguments of a row
	n                      int64 // rows, those that wait included
}

// stagedAtOnce is how many rows one statement stages.
const stagedAtOnce = 20

const auditLog = "audit_log"

// staged also keeps the log from being copied back while a batch waits: whoever
// commits next would do so for the many pages of this commit. They are copied after
// it, beside the writers.
func (e embedded) staged(ctx context.Context, record, confirm func(Queries) error) error {
	db, err := sql.Open("sqlite", sqliteDSN(e.path, "immediate",
		"synchronous(FULL)", "foreign_keys(1)", "temp_store(MEMORY)", "cache_size(-65536)", "wal_autocheckpoint(0)"))
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	s := stage{conn: conn, none: sql.OpenDB(noRows{}), tables: map[string]*staging{}}
	defer s.none.Close()
	q := sqlite.New(&s)
	if err := cmp.Or(record(recording{lite{r: q, w: q}}), s.failed); err != nil {
		return err
	}
	for _, t := range s.tables {
		if err := s.fill(ctx, t); err != nil {
			return err
		}
	}
	if log := s.tables["temp.staged_"+auditLog]; log != nil {
		s.steps = append(s.steps, step{rows: log, from: 1, to: log.n})
	}
	if err := e.commitStaged(ctx, &s, confirm); err != nil {
		return err
	}
	_, _ = conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA wal_checkpoint(PASSIVE)") // another will, if this doesn't
	return nil
}

// commitStaged holds the writer that the others wait for in turn: SQLite's own lock
// knows no turns, and beside steady batches it would hardly be got.
func (e embedded) commitStaged(ctx context.Context, s *stage, confirm func(Queries) error) error {
	done, err := e.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	writer, err := e.w.Conn(ctx)
	if err != nil {
		return err
	}
	defer writer.Close()
	return within(ctx, s.conn, func(tx *sql.Tx) error {
		if err := confirm(liteOf(tx)); err != nil {
			return err
		}
		return s.run(context.WithoutCancel(ctx), tx) // see inBatch
	})
}

func (s *stage) run(ctx context.Context, tx *sql.Tx) error {
	stmts := map[string]*sql.Stmt{}
	for _, one := range s.steps {
		query, args := one.query, one.args
		if one.rows != nil {
			query, args = one.rows.flip, []any{one.from, one.to}
		}
		stmt := stmts[query]
		if stmt == nil {
			var err error
			if stmt, err = tx.PrepareContext(ctx, query); err != nil {
				return err
			}
			stmts[query] = stmt
		}
		if _, err := stmt.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// ExecContext records a statement.
func (s *stage) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	query, _, _ = strings.Cut(query, "\nRETURNING ")
	if m := insertRow.FindStringSubmatch(query); m != nil {
		return driver.RowsAffected(0), s.add(ctx, insertInto(m[1], m[2], m[3]), args)
	}
	if m := deleteRow.FindStringSubmatch(query); m != nil {
		return driver.RowsAffected(0), s.add(ctx, deleteFrom(m[1]), args)
	}
	s.steps = append(s.steps, step{query: query, args: args})
	return driver.RowsAffected(0), nil
}

// QueryRowContext records a statement that would return the row it writes.
func (s *stage) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if _, err := s.ExecContext(ctx, query, args...); err != nil {
		s.failed = err
	}
	return s.none.QueryRowContext(ctx, "")
}

// noRows is a database whose every row is one that isn't there yet.
type noRows struct{}

func (noRows) Connect(context.Context) (driver.Conn, error) { return nil, errRecorded }
func (noRows) Driver() driver.Driver                        { return nil }

// What is staged, of the statements that sqlc makes.
var (
	insertRow = regexp.MustCompile(`^(?:-- .*\n)*INSERT INTO (\w+) \(([^)]*)\)\nVALUES (\([^()]*\))\s*$`)
	deleteRow = regexp.MustCompile(`^(?:-- .*\n)*DELETE FROM (\w+) WHERE id = \?1\s*$`)
)

// insertInto stages a row for a table.
func insertInto(table, columns, values string) staging {
	t := staging{table: "temp.staged_" + table, columns: columns, from: table, values: parameter.ReplaceAllString(values, "?")} // in sqlc's order
	t.flip = fmt.Sprintf("INSERT INTO main.%s (%s) SELECT %[2]s FROM %s WHERE rowid BETWEEN ? AND ? ORDER BY rowid", table, columns, t.table)
	return t
}

// deleteFrom stages an id of a table.
func deleteFrom(table string) staging {
	t := staging{table: "temp.gone_" + table, columns: "id", from: table, values: "(?)"}
	t.flip = fmt.Sprintf("DELETE FROM main.%s WHERE id IN (SELECT id FROM %s WHERE rowid BETWEEN ? AND ?)", table, t.table)
	return t
}

// add stages a row like the others of its kind.
func (s *stage) add(ctx context.Context, like staging, args []any) error {
	t := s.tables[like.table]
	if t == nil {
		t = &like
		if err := s.create(ctx, t, len(args)); err != nil {
			return err
		}
		s.tables[t.table] = t
	}
	t.n++
	if t.from != auditLog { // whose rows refer to nothing: all of them at the end
		if last := len(s.steps) - 1; last >= 0 && s.steps[last].rows == t {
			s.steps[last].to = t.n
		} else {
			s.steps = append(s.steps, step{rows: t, from: t.n, to: t.n})
		}
	}
	if t.waiting = append(t.waiting, args...); len(t.waiting) < stagedAtOnce*t.width {
		return nil
	}
	_, err := t.many.ExecContext(context.WithoutCancel(ctx), t.waiting...)
	t.waiting = t.waiting[:0]
	return err
}

func (s *stage) create(ctx context.Context, t *staging, width int) (err error) {
	if t.width = width; strings.Count(t.values, "?") != width {
		return fmt.Errorf("parameters are not each used once: %s", t.values)
	}
	if _, err := s.conn.ExecContext(ctx, fmt.Sprintf("CREATE TABLE %s AS SELECT %s FROM main.%s WHERE 0", t.table, t.columns, t.from)); err != nil {
		return err
	}
	t.many, err = s.conn.PrepareContext(ctx, t.into()+strings.Repeat(", "+t.values, stagedAtOnce-1))
	return err
}

// into puts one row in.
func (t *staging) into() string {
	return "INSERT INTO " + t.table + " (" + t.columns + ") VALUES " + t.values
}

// fill stages the rows that wait.
func (s *stage) fill(ctx context.Context, t *staging) error {
	for args := range slices.Chunk(t.waiting, t.width) {
		if _, err := s.conn.ExecContext(ctx, t.into(), args...); err != nil {
			return err
		}
	}
	return nil
}
