package testdb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	startWithin = 5 * time.Minute // apt-get or docker pull may be part of it
	queryWithin = time.Minute
)

// process holds what the tests of this process share.
var process = newShared(func() (*Cluster, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	return Start(ctx, os.Stderr)
})

// Main is the body of a TestMain: it runs the tests, stops the cluster if one
// was started, and exits.
func Main(m *testing.M) {
	code := m.Run()
	if err := process.close(); err != nil {
		fmt.Fprintln(os.Stderr, "testdb:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// Postgres gives the URL of a fresh database, which is dropped when the test
// ends. It is a copy of a template that migrate, a plain function, has been run
// on once in this process; if migrate is nil the database is empty.
//
// The cluster starts with the first call. Without PostgreSQL the test fails.
func Postgres(tb testing.TB, migrate func(ctx context.Context, databaseURL string) error) string {
	tb.Helper()
	return process.postgres(tb, migrate)
}

// SQLite gives the URL of a database file that does not exist yet, in a
// directory that is removed when the test ends.
func SQLite(tb testing.TB) string {
	tb.Helper()
	return "sqlite:" + filepath.Join(tb.TempDir(), "metagate.db")
}

// EnvEngines set to sqlite leaves PostgreSQL out of Each, for a quick look: make check.
const EnvEngines = "TEST_ENGINES"

// Each runs f as two parallel subtests, "postgres" and "sqlite", each with a
// fresh database that migrate, unless nil, has been run on.
func Each(
	t *testing.T,
	migrate func(ctx context.Context, databaseURL string) error,
	f func(t *testing.T, databaseURL string),
) {
	t.Helper()
	if os.Getenv(EnvEngines) != "sqlite" {
		t.Run("postgres", func(t *testing.T) {
			t.Parallel()
			f(t, Postgres(t, migrate))
		})
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		databaseURL := SQLite(t)
		if migrate != nil {
			if err := migrate(t.Context(), databaseURL); err != nil {
				t.Fatalf("migrate SQLite: %v", err)
			}
		}
		f(t, databaseURL)
	})
}

// OwnCluster gives a cluster for this test alone, to be killed and restarted.
// It is Durable, so what was committed before Kill is there after Restart, and
// never that of TEST_DATABASE_URL.
func OwnCluster(tb testing.TB) *Cluster {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	c, err := Start(ctx, tb.Output(), Private(), Durable())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Stop(); err != nil {
			tb.Errorf("stop the test's own cluster: %v", err)
		}
	})
	return c
}

// shared is one cluster and its templates.
type shared struct {
	start func() (*Cluster, error) // once
	token string

	mu        sync.Mutex
	cluster   *Cluster // nil: never asked for, or not to be had
	names     int
	templates map[uintptr]func() (string, error) // each once
}

func newShared(start func() (*Cluster, error)) *shared {
	s := &shared{token: strings.ToLower(rand.Text()[:8]), templates: map[uintptr]func() (string, error){}}
	s.start = sync.OnceValues(func() (*Cluster, error) {
		c, err := start()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cluster = c
		return c, err
	})
	return s
}

func (s *shared) postgres(tb testing.TB, migrate func(context.Context, string) error) string {
	tb.Helper()
	c, err := s.start()
	if err != nil {
		tb.Fatal(err)
	}
	template, err := s.template(c, migrate)
	if err != nil {
		tb.Fatalf("migrate PostgreSQL: %v", err)
	}
	name := s.name()
	ctx, cancel := context.WithTimeout(context.Background(), queryWithin)
	defer cancel()
	if err := c.CreateDatabase(ctx, name, template); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), queryWithin)
		defer cancel()
		if err := c.DropDatabase(ctx, name); err != nil {
			tb.Error(err)
		}
	})
	return c.URL(name)
}

// template gives the name of the database that migrate has been run on.
func (s *shared) template(c *Cluster, migrate func(context.Context, string) error) (string, error) {
	if migrate == nil {
		return "", nil
	}
	// Functions don't compare; the address of the code tells them apart.
	key := reflect.ValueOf(migrate).Pointer()
	s.mu.Lock()
	once, ok := s.templates[key]
	if !ok {
		once = sync.OnceValues(func() (string, error) {
			name := s.name()
			ctx, cancel := context.WithTimeout(context.Background(), queryWithin)
			defer cancel()
			if err := c.CreateDatabase(ctx, name, ""); err != nil {
				return "", err
			}
			if err := migrate(ctx, c.URL(name)); err != nil {
				return name, err
			}
			// A single connection to a template would stop its use.
			return name, c.exec(ctx, "ALTER DATABASE "+quote(name)+" ALLOW_CONNECTIONS false")
		})
		s.templates[key] = once
	}
	s.mu.Unlock()
	return once()
}

// name is new on the server: the token keeps apart the test processes that use
// one, even if they run in containers and have the same process id.
func (s *shared) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names++
	return fmt.Sprintf("test_%d_%s_%d", os.Getpid(), s.token, s.names)
}

// close drops the templates, which would stay on a server that is not ours, and
// stops the cluster.
func (s *shared) close() error {
	s.mu.Lock()
	c, templates := s.cluster, slices.Collect(maps.Values(s.templates))
	s.mu.Unlock()
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), queryWithin)
	defer cancel()
	var errs []error
	for _, once := range templates {
		if name, _ := once(); name != "" {
			errs = append(errs, c.DropDatabase(ctx, name))
		}
	}
	return errors.Join(append(errs, c.Stop())...)
}
