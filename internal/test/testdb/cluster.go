// Package testdb gives tests and benchmarks real databases: PostgreSQL that it
// finds, installs or runs in a container, and SQLite files.
//
// Cluster is for programs; Postgres, SQLite and Each are for tests.
package testdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// EnvURL names the environment variable that points to a server to be used as
// it is, for example postgres://user:password@host:5432/postgres.
const EnvURL = "TEST_DATABASE_URL"

const connectWithin = 10 * time.Second

var (
	errForeign = errors.New("not possible with " + EnvURL)
	errStopped = errors.New("the PostgreSQL cluster has been stopped")
)

// Cluster is a PostgreSQL server: a private one that lives until Stop, or the
// one that TEST_DATABASE_URL names. Its methods may be called concurrently.
type Cluster struct {
	base  url.URL // of the maintenance database
	about string

	mu      sync.Mutex // one of Stop, Restart and Kill at a time
	server  *server    // nil: not ours
	stopped bool
}

type options struct {
	finder  finder
	durable bool
	private bool
}

// Option changes what Start starts.
type Option func(*options)

// Durable leaves fsync, synchronous_commit and full_page_writes on, for
// benchmarks and for tests that count on a commit outliving a crash. The data
// is below os.TempDir: set TMPDIR where that is memory.
func Durable() Option { return func(o *options) { o.durable = true } }

// Private ignores TEST_DATABASE_URL.
func Private() Option { return func(o *options) { o.private = true } }

// Start gives a running server: the one that TEST_DATABASE_URL names, else a
// private cluster from the PostgreSQL binaries of this machine, which are
// installed with apt-get if need be, else a container. What takes long is
// announced on w. ctx bounds the start alone.
//
// A private cluster dies with this process, however that ends.
func Start(ctx context.Context, w io.Writer, opts ...Option) (*Cluster, error) {
	o := options{finder: systemFinder()}
	for _, opt := range opts {
		opt(&o)
	}
	if o.finder.testURL != "" && !o.private {
		return connect(ctx, o.finder.testURL)
	}
	p, err := o.finder.find(ctx, w)
	if err != nil {
		return nil, err
	}
	s, err := newServer(ctx, p, o.durable)
	if err != nil {
		return nil, err
	}
	c := &Cluster{server: s, base: url.URL{
		Scheme:   "postgres",
		User:     url.User("postgres"),
		Host:     s.address(),
		Path:     "/postgres",
		RawQuery: "sslmode=disable",
	}}
	if err = c.start(ctx); err == nil {
		err = c.describe(ctx, p.String())
	}
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// connect gives the server at rawURL, which may hold a password: no error
// shows it.
func connect(ctx context.Context, rawURL string) (*Cluster, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return nil, errors.New(EnvURL + " is not of the form postgres://user:password@host:port/database")
	}
	c := &Cluster{base: *u}
	if err := c.describe(ctx, EnvURL); err != nil {
		return nil, fmt.Errorf("%s: %w", EnvURL, err)
	}
	return c, nil
}

// describe asks the server for its version, which also shows that it works.
func (c *Cluster) describe(ctx context.Context, origin string) error {
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	version := conn.PgConn().ParameterStatus("server_version")
	version, _, _ = strings.Cut(version, " ")
	c.about = fmt.Sprintf("PostgreSQL %s at %s (%s)", version, c.base.Host, origin)
	return nil
}

// String says which PostgreSQL this is, in one line and without a password.
func (c *Cluster) String() string { return c.about }

// URL gives the address of a database of the cluster, and of the maintenance
// database if dbname is empty.
func (c *Cluster) URL(dbname string) string {
	u := c.base
	if dbname != "" {
		u.Path = "/" + dbname
	}
	return u.String()
}

// CreateDatabase makes a database, as a copy of template unless that is empty.
// Every database sorts by bytes, as SQLite does, whatever the server's locale.
func (c *Cluster) CreateDatabase(ctx context.Context, name, template string) error {
	source := "template0 ENCODING 'UTF8' LOCALE 'C'"
	if template != "" {
		source = quote(template)
	}
	return c.exec(ctx, "CREATE DATABASE "+quote(name)+" TEMPLATE "+source)
}

// DropDatabase removes a database and closes the connections to it. It is no
// error if there is none.
func (c *Cluster) DropDatabase(ctx context.Context, name string) error {
	return c.exec(ctx, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)")
}

// Stop ends a private cluster and removes its files. With TEST_DATABASE_URL,
// and the second time, it does nothing.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil || c.stopped {
		return nil
	}
	c.stopped = true
	return errors.Join(c.server.end(syscall.SIGINT), c.server.remove())
}

// Kill ends PostgreSQL as a crash would: at once, with every connection cut.
// Restart brings it back.
func (c *Cluster) Kill() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.owned(); err != nil {
		return fmt.Errorf("kill PostgreSQL: %w", err)
	}
	return c.server.end(syscall.SIGQUIT)
}

// Restart stops PostgreSQL unless Kill has done so, and starts it with the
// same data at the same address.
func (c *Cluster) Restart(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.owned(); err != nil {
		return fmt.Errorf("restart PostgreSQL: %w", err)
	}
	if err := c.server.end(syscall.SIGINT); err != nil {
		return err
	}
	return c.start(ctx)
}

func (c *Cluster) owned() error {
	switch {
	case c.server == nil:
		return errForeign
	case c.stopped:
		return errStopped
	}
	return nil
}

func (c *Cluster) start(ctx context.Context) error {
	return c.server.start(ctx, func(ctx context.Context) error {
		conn, err := c.connect(ctx)
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

func (c *Cluster) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.base.String())
	if err != nil {
		return nil, errors.New(oneLine(err.Error()))
	}
	return conn, nil
}

func (c *Cluster) exec(ctx context.Context, sql string) error {
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", fmt.Sprint(port)) }
