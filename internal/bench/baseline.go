package bench

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/labstack/echo/v4"
)

// SingleRowCommits measures how many single-row INSERTs, each its own commit,
// the database at url takes a second through pgx.
func SingleRowCommits(ctx context.Context, url string, concurrency int, d time.Duration) (perSecond float64, err error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return 0, err
	}
	c.MaxConns = int32(concurrency)
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, `CREATE TABLE IF NOT EXISTS bench_commits (id uuid PRIMARY KEY, component_key text NOT NULL, opened_at timestamptz NOT NULL)`); err != nil {
		return 0, err
	}
	defer pool.Exec(context.WithoutCancel(ctx), `DROP TABLE bench_commits`) //nolint:errcheck // the database goes too
	var failed atomic.Pointer[error]
	var n atomic.Int64
	var group sync.WaitGroup
	var start time.Time
	ready := make(chan struct{})
	end, cancel := context.WithCancel(ctx)
	defer cancel()
	for range concurrency {
		group.Go(func() {
			<-ready
			for end.Err() == nil && time.Since(start) < d {
				id, _ := uuid.NewV7()
				if _, err := pool.Exec(ctx, `INSERT INTO bench_commits VALUES ($1, $2, $3)`, id, "memorygate_main", time.Now()); err != nil {
					failed.Store(&err)
					cancel()
					return
				}
				n.Add(1)
			}
		})
	}
	start = time.Now()
	close(ready)
	group.Wait()
	if e := failed.Load(); e != nil {
		return 0, *e
	}
	return float64(n.Load()) / time.Since(start).Seconds(), nil
}

// BareHTTP serves body from an Echo handler that does nothing else, until it fails.
func BareHTTP(address string, body []byte) error {
	e := echo.New()
	e.POST("/v1/bootstrap", func(c echo.Context) error {
		return c.Blob(http.StatusOK, "application/json", body)
	})
	return (&http.Server{Addr: address, Handler: e, ReadHeaderTimeout: time.Second}).ListenAndServe()
}
