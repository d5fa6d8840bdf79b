package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/legivellum/metagate/gen/sqlite"
)

// recorded stands in for the database and executes nothing: it keeps a statement
// of sqlc, one and the same, and the arguments of each row.
type recorded struct {
	sqlite.DBTX
	query string
	rows  [][]any
}

func (r *recorded) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	r.query, r.rows = query, append(r.rows, args)
	return driver.RowsAffected(0), nil
}

// prepared are statements of one database that serve all its transactions.
type prepared struct {
	db *sql.DB

	mu      sync.Mutex
	stmts   map[statement]*sql.Stmt // closed with db
	missing map[statement]bool      // what a transaction would have reused
}

func newPrepared(db *sql.DB) *prepared {
	return &prepared{db: db, stmts: map[statement]*sql.Stmt{}, missing: map[statement]bool{}}
}

// statement is a query for a number of rows; as it is where that is 0.
type statement struct {
	query string
	rows  int
}

// kept has each query prepared once: for a query that finds one row that is the larger
// part. All of them together are few.
type kept struct {
	sqlite.DBTX
	prepared *prepared
}

func (k kept) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := k.prepared.get(ctx, statement{query: query}) //nolint:sqlclosecheck // closed with db
	if err != nil {
		return k.DBTX.QueryRowContext(ctx, query, args...) // says what is wrong
	}
	return stmt.QueryRowContext(ctx, args...)
}

func (k kept) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := k.prepared.get(ctx, statement{query: query}) //nolint:sqlclosecheck // closed with db
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// reusing is a transaction to which a statement that another has run before it is known:
// to prepare it takes SQLite longer than most take to run.
type reusing struct {
	*sql.Tx
	prepared *prepared
	bound    map[string]*sql.Stmt // to this transaction, and closed with it
}

func (p *prepared) reusedBy(tx *sql.Tx) reusing {
	return reusing{tx, p, map[string]*sql.Stmt{}}
}

func (r reusing) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if stmt := r.stmt(ctx, query); stmt != nil { //nolint:sqlclosecheck // closed with tx
		return stmt.ExecContext(ctx, args...)
	}
	return r.Tx.ExecContext(ctx, query, args...)
}

func (r reusing) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt := r.stmt(ctx, query); stmt != nil { //nolint:sqlclosecheck // closed with tx
		return stmt.QueryContext(ctx, args...)
	}
	return r.Tx.QueryContext(ctx, query, args...)
}

func (r reusing) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt := r.stmt(ctx, query); stmt != nil { //nolint:sqlclosecheck // closed with tx
		return stmt.QueryRowContext(ctx, args...)
	}
	return r.Tx.QueryRowContext(ctx, query, args...)
}

func (r reusing) stmt(ctx context.Context, query string) *sql.Stmt {
	bound := r.bound[query]
	if bound == nil {
		if known := r.prepared.known(query); known != nil {
			bound = r.StmtContext(ctx, known)
			r.bound[query] = bound
		}
	}
	return bound
}

// known is nil for a query that is yet to be prepared, before the next transaction.
func (p *prepared) known(query string) *sql.Stmt {
	s := statement{query: query}
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.stmts[s]
	if known == nil {
		p.missing[s] = true
	}
	return known
}

// prepareMissing prepares what transactions would have reused: as get, outside of one. What
// can't be prepared says so where it is run.
func (p *prepared) prepareMissing(ctx context.Context) {
	p.mu.Lock()
	missing := slices.Collect(maps.Keys(p.missing))
	clear(p.missing)
	p.mu.Unlock()
	for _, s := range missing {
		_, _ = p.get(ctx, s) //nolint:sqlclosecheck // closed with db
	}
}

// get is to be called outside a transaction: the database has one connection.
func (p *prepared) get(ctx context.Context, s statement) (*sql.Stmt, error) {
	p.mu.Lock()
	known := p.stmts[s]
	p.mu.Unlock()
	if known != nil {
		return known, nil
	}
	query := s.query
	if s.rows > 0 {
		var err error
		if query, err = compound(s); err != nil {
			return nil, err
		}
	}
	stmt, err := p.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.stmts[s]; known != nil { // by another meanwhile
		return known, stmt.Close() //nolint:sqlclosecheck // else closed with db
	}
	p.stmts[s] = stmt
	return stmt, nil
}

var parameter = regexp.MustCompile(`\?\d+`)

// compound makes an INSERT … SELECT … FROM one of many rows, which are a table of their own
// there: it costs SQLite less than each by itself. The parameters lose their
// numbers, which SQLite takes for names and looks up, one after another, to bind each.
func compound(s statement) (string, error) {
	number, inOrder := 0, true
	query := parameter.ReplaceAllStringFunc(s.query, func(p string) string {
		number++
		inOrder = inOrder && p == "?"+strconv.Itoa(number)
		return "v.column" + strconv.Itoa(number)
	})
	if !inOrder {
		return "", fmt.Errorf("parameters are not each used once and in order: %s", s.query)
	}
	into, from, many := strings.Cut(query, "\nFROM ")
	if !many {
		return parameter.ReplaceAllString(s.query, "?"), nil
	}
	row := "(?" + strings.Repeat(",?", number-1) + ")"
	return into + "\nFROM (VALUES " + row + strings.Repeat(","+row, s.rows-1) + ") v CROSS JOIN " + from, nil
}

// parts are the numbers of rows that a statement is prepared for: any number is a sum of them.
var parts = [...]int{32, 16, 8, 4, 2, 1}

// insertion is an INSERT … SELECT, prepared for the parts that its rows may need.
type insertion struct {
	recorded
	stmts [len(parts)]*sql.Stmt
}

func (p *prepared) insertion(ctx context.Context, r recorded) (i insertion, err error) {
	i.recorded = r
	for n, rows := range parts {
		if rows > len(r.rows) {
			continue
		}
		if i.stmts[n], err = p.get(ctx, statement{r.query, rows}); err != nil { //nolint:sqlclosecheck // closed with db
			return i, err
		}
	}
	return i, nil
}

// run tells how many rows were inserted.
func (i insertion) run(ctx context.Context, tx *sql.Tx) (inserted int64, err error) {
	rest := i.rows
	for n, rows := range parts {
		for len(rest) >= rows {
			stmt := tx.StmtContext(ctx, i.stmts[n]) //nolint:sqlclosecheck // closed with tx
			result, err := stmt.ExecContext(ctx, slices.Concat(rest[:rows]...)...)
			if err != nil {
				return 0, err
			}
			affected, err := result.RowsAffected()
			if err != nil {
				return 0, err
			}
			inserted, rest = inserted+affected, rest[rows:]
		}
	}
	return inserted, nil
}
