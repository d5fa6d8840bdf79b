package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
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

	mu    sync.Mutex
	stmts map[statement]*sql.Stmt // closed with db
}

// statement is a query for a number of rows.
type statement struct {
	query string
	rows  int
}

// get is to be called outside a transaction: the database has one connection.
func (p *prepared) get(ctx context.Context, s statement, columns int) (*sql.Stmt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.stmts[s]; known != nil {
		return known, nil
	}
	stmt, err := p.db.PrepareContext(ctx, compound(s, columns)) //nolint:sqlclosecheck // closed with db
	if err != nil {
		return nil, err
	}
	p.stmts[s] = stmt
	return stmt, nil
}

var parameter = regexp.MustCompile(`\?(\d+)`)

// compound is an INSERT … SELECT with a SELECT for each row, whose parameters follow
// those of the row before: a row costs SQLite a quarter less than by itself.
func compound(s statement, columns int) string {
	insert, one, found := strings.Cut(s.query, "\nSELECT ")
	if !found || s.rows == 1 {
		return s.query
	}
	selects := make([]string, s.rows)
	for row := range selects {
		selects[row] = "SELECT " + parameter.ReplaceAllStringFunc(one, func(p string) string {
			number, _ := strconv.Atoi(p[1:]) // digits
			return "?" + strconv.Itoa(number+row*columns)
		})
	}
	return insert + "\n" + strings.Join(selects, "\nUNION ALL\n")
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
		if i.stmts[n], err = p.get(ctx, statement{r.query, rows}, len(r.rows[0])); err != nil { //nolint:sqlclosecheck // closed with db
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
