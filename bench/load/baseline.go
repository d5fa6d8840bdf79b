package load

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"
	"golang.org/x/sync/errgroup"
)

// Row is what SingleRowCommits inserts. Its arguments are an id and the time.
type Row struct{ insert string }

// The rows to compare with: the least that a receipt could be, in NarrowTable, and
// the receipt as a bootstrap writes it, in a database that is migrated.
var (
	Narrow  = Row{`INSERT INTO bench_commits VALUES ($1, 'memorygate_main', $2)`}
	Receipt = Row{`INSERT INTO startup_sessions (id, tenant_key, principal_id, principal_key, component_key, profile_key, manifest_key,
		manifest_version, packet_id, packet_etag, status, opened_at, deadline_at, revision, credential, remote_addr)
		VALUES ($1, 'default', $1, 'test-component-001', 'memorygate_main', 'default-profile', 'default-manifest',
		1, $1, repeat('0', 64), 'OPEN', $2, $2, 1, '{"api_key_id":"0192d6b0-6f3a-7c12-8e7f-0a1b2c3d4e5f"}', '127.0.0.1')`}
)

// NarrowTable makes the table of Narrow.
const NarrowTable = `CREATE TABLE bench_commits (id uuid PRIMARY KEY, component_key text NOT NULL, opened_at timestamptz NOT NULL)`

// SingleRowCommits measures how many single-row INSERTs, each its own commit,
// the PostgreSQL at url takes a second through pgx.
func SingleRowCommits(ctx context.Context, url string, row Row, concurrency int, d time.Duration) (perSecond float64, err error) {
	conns := make([]*pgx.Conn, concurrency)
	group, connecting := errgroup.WithContext(ctx)
	for i := range conns { // and each prepares the statement, before the clock runs
		group.Go(func() (err error) {
			if conns[i], err = pgx.Connect(connecting, url); err != nil {
				return err
			}
			_, err = conns[i].Exec(connecting, row.insert, uuid.Must(uuid.NewV7()), time.Now())
			return err
		})
	}
	err = group.Wait()
	defer func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close(ctx)
			}
		}
	}()
	if err != nil {
		return 0, err
	}
	var n atomic.Int64
	group, end := errgroup.WithContext(ctx)
	start := time.Now()
	for _, c := range conns {
		group.Go(func() error {
			for end.Err() == nil && time.Since(start) < d {
				if _, err := c.Exec(ctx, row.insert, uuid.Must(uuid.NewV7()), time.Now()); err != nil {
					return err
				}
				n.Add(1)
			}
			return nil
		})
	}
	err = group.Wait()
	return float64(n.Load()) / time.Since(start).Seconds(), err
}

// BareEcho answers a bootstrap with body and does nothing else.
func BareEcho(body []byte) http.Handler {
	e := echo.New()
	e.POST("/v1/bootstrap", func(c echo.Context) error {
		return c.Blob(http.StatusOK, "application/json", body)
	})
	return e
}

// BareHTTP does the same with net/http alone.
func BareHTTP(body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
}

// Silent answers GET with nothing, and no other request until it ends.
func Silent(ctx context.Context) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			return
		}
		select {
		case <-ctx.Done():
		case <-r.Context().Done():
		}
	})
}
