package store

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/legivellum/metagate/gen/postgres"
)

// pgRecorder keeps statements in place of a connection.
type pgRecorder struct {
	postgres.DBTX // reads aren't recorded: they would panic
	steps         []*pgStep
	log           *pgStep // the audit log, whose rows refer to nothing: all of them at the end
}

// pgStep is a statement, or many rows for one table.
type pgStep struct {
	query string // that takes one row
	into  string // of an INSERT: all but the row
	row   string // its placeholders
	args  [][]any
}

// insertOne is an INSERT of one row, of those that sqlc makes.
var insertOne = regexp.MustCompile(`^((?:-- .*\n)*INSERT INTO (\w+) \([^)]*\)\nVALUES )(\([^()]*\))\s*$`)

func (r *pgRecorder) Exec(_ context.Context, query string, args ...any) (pgconn.CommandTag, error) {
	query, _, _ = strings.Cut(query, "\nRETURNING ")
	last := r.log
	if last == nil || last.query != query {
		last = nil
		if n := len(r.steps); n > 0 {
			last = r.steps[n-1]
		}
	}
	if last != nil && last.query == query && last.into != "" {
		last.args = append(last.args, args)
		return pgconn.CommandTag{}, nil
	}
	step := &pgStep{query: query, args: [][]any{args}}
	if m := insertOne.FindStringSubmatch(query); m != nil {
		if step.into, step.row = m[1], m[3]; m[2] == auditLog {
			r.log = step
			return pgconn.CommandTag{}, nil
		}
	}
	r.steps = append(r.steps, step)
	return pgconn.CommandTag{}, nil
}

func (r *pgRecorder) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	_, _ = r.Exec(ctx, query, args...)
	return unwritten{}
}

type unwritten struct{}

// Scan implements pgx.Row.
func (unwritten) Scan(...any) error { return errRecorded }

// queue adds the rows of a step to a batch, many in one statement: alone each would be planned anew.
func (s *pgStep) queue(b *pgx.Batch) {
	rest := s.args
	for _, rows := range parts {
		if len(rest) < rows {
			continue
		}
		for query := s.of(rows); len(rest) >= rows; rest = rest[rows:] {
			b.Queue(query, slices.Concat(rest[:rows]...)...)
		}
	}
}

var placeholder = regexp.MustCompile(`\$\d+`)

// of is the statement for a number of rows.
func (s *pgStep) of(rows int) string {
	if s.into == "" || rows == 1 {
		return s.query
	}
	var q strings.Builder
	q.WriteString(s.into)
	q.WriteString(s.row)
	width := len(s.args[0])
	for n := 1; n < rows; n++ {
		q.WriteString(", ")
		q.WriteString(placeholder.ReplaceAllStringFunc(s.row, func(p string) string {
			i, _ := strconv.Atoi(p[1:])
			return "$" + strconv.Itoa(i+n*width)
		}))
	}
	return q.String()
}

// pipelined is how many statements are sent at once.
const pipelined = 500

func (e pg) staged(ctx context.Context, record, confirm func(Queries) error) error {
	var r pgRecorder
	if err := record(recording{postgres.New(&r)}); err != nil {
		return err
	}
	if r.log != nil {
		r.steps = append(r.steps, r.log)
	}
	var all pgx.Batch
	for _, s := range r.steps {
		s.queue(&all)
	}
	return pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		if err := confirm(postgres.New(tx)); err != nil {
			return err
		}
		for some := range slices.Chunk(all.QueuedQueries, pipelined) {
			if err := tx.SendBatch(ctx, &pgx.Batch{QueuedQueries: some}).Close(); err != nil {
				return err
			}
		}
		return nil
	})
}
