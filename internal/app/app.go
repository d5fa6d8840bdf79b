// Package app wires the program together. Run is the whole server; tests start
// it on port 0 and drive it through its URL.
package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/board"
	"github.com/legivellum/metagate/internal/events"
	"github.com/legivellum/metagate/internal/feed"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/issuers"
	"github.com/legivellum/metagate/internal/outcomes"
	"github.com/legivellum/metagate/internal/server"
	"github.com/legivellum/metagate/internal/signing"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/stream"
	"github.com/legivellum/metagate/internal/telemetry"
	"github.com/legivellum/metagate/internal/transport"
	"github.com/legivellum/metagate/internal/witness"
	"github.com/legivellum/metagate/internal/world"
)

// Timeouts of the HTTP server. Writing outlasts the longest request.
const (
	readTimeout    = 10 * time.Second // headers and body: a deadline for each costs every request
	writeTimeout   = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
)

// App is a running server.
type App struct {
	URL   string // where to reach it from this host, with the port as it was bound
	Store *store.Store
	Admin *admin.Service
	// Signer has the keys that sign packets; nil where none does.
	Signer *signing.Ring

	config     Config
	log        *slog.Logger
	http       *http.Server
	verifier   *identity.Verifier
	tls        *transport.TLS // nil for plain HTTP
	issuers    *issuers.Set   // nil without ISSUERS_FILE
	options    server.Options
	outcomes   *outcomes.Reader
	events     *events.Recorder
	webhooks   []*feed.Webhook
	startups   *telemetry.Startups
	retention  *witness.Retention // nil where all is kept for ever
	board      *board.Board       // nil without BOARD
	background sync.WaitGroup
	stop       context.CancelFunc
	served     chan error
	draining   atomic.Bool
}

// Build is what this binary is.
type Build struct{ Version string }

// Start takes the port, opens the database, migrates it, opens the first admin's
// door and serves until Close: whoever connects early waits for that. An error is
// one line that names the setting to change.
func Start(ctx context.Context, c Config, b Build, log *slog.Logger) (*App, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	sinks, err := c.sinks()
	if err != nil {
		return nil, err
	}
	verifier, err := identity.NewVerifier(c.Verifier())
	if err != nil {
		return nil, err
	}
	secured, err := c.secure(log)
	if err != nil {
		return nil, err
	}
	trusted, err := c.trust(verifier)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Address()) // before anything is written
	if err != nil {
		return nil, fmt.Errorf("HOST, PORT: %w", err)
	}
	st, err := Open(ctx, c.DatabaseURL)
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	a := &App{
		URL: "http://" + reachable(listener.Addr()), Store: st, Admin: Admin(c, st),
		config: c, log: log, verifier: verifier, tls: secured, issuers: trusted, served: make(chan error, 1),
	}
	if secured != nil {
		a.URL = "https" + strings.TrimPrefix(a.URL, "http")
	}
	a.tellSinks(sinks)
	if err := a.prepare(ctx, b); err != nil {
		st.Close()
		_ = listener.Close()
		return nil, err
	}
	a.run(listener)
	return a, nil
}

// Admin is the rules of admin writes as the configuration sets them.
func Admin(c Config, st *store.Store) *admin.Service {
	s := &admin.Service{
		Store: st, Now: store.Now, DefaultSLA: c.DefaultStartupSLASeconds,
		MaxDocument: c.MaxBodyBytes, Admins: c.admins(), Tenant: c.DefaultTenantKey, Deployment: c.DefaultDeploymentKey,
		RequireReason: c.RequireReason,
	}
	s.Judge = (&world.Service{Admin: s}).Judge
	return s
}

func (a *App) prepare(ctx context.Context, b Build) error {
	if err := a.migrate(ctx); err != nil {
		return err
	}
	if key := a.config.AdminAPIKey; key != "" {
		if err := a.Admin.EnsureAdmin(ctx, key); err != nil {
			return blame("ADMIN_API_KEY", err)
		}
	}
	var err error
	if a.Signer, err = a.signer(ctx); err != nil {
		return err
	}
	a.warn(ctx)
	if !a.tokens().Enabled() {
		a.log.WarnContext(ctx, "no JWT is accepted: JWT_SECRET is unset or the published default; API keys work")
	}
	// Packets are shared by principals, credentials aren't: they are by far the more.
	packets, waiting := uint64(a.config.PacketCacheBytes/4), int(a.config.MaxInFlight)
	metrics := telemetry.NewMetrics(a.Store, b.Version)
	commits := metrics.Commits("receipts", "reports")
	a.options = server.Options{
		Store: a.Store, Admin: a.Admin, World: &world.Service{Admin: a.Admin}, Log: a.log, Now: store.Now,
		Identity: identity.New(identity.Options{
			Store: a.Store, Verifier: a.tokens(), Now: store.Now,
			Admins: a.config.admins(), AnyTenant: a.config.AdminAllowCrossTenant,
			CacheBytes: 3 * packets, FailureBurst: int(a.config.AuthFailureBurst),
		}),
		Alarms: &outcomes.Alarms{Store: a.Store, Now: store.Now},
		Witness: witness.New(witness.Options{
			Store: a.Store.Hot(), Now: store.Now, CacheBytes: packets, MaxInFlight: waiting, Signer: a.Signer, KeepPackets: a.config.keepPackets(),
			Opens: commits[0].Committed, Reports: commits[1].Committed,
		}),
		Refusals: &outcomes.Refusals{Store: a.Store, Now: store.Now, Keep: time.Duration(a.config.ReceiptRetentionHours) * time.Hour},
		Signer:   a.Signer,
		Metrics:  metrics,
		Draining: a.draining.Load,
		Version:  a.config.MetagateVersion, Build: b.Version, InstanceID: a.config.InstanceID,
		APIKeyHeader: a.config.APIKeyHeader,
		MaxBodyBytes: a.config.MaxBodyBytes, ApplyMaxBytes: a.config.ApplyMaxBytes, CORSAllowedOrigins: a.config.CORSAllowedOrigins,
	}
	a.options.Streams = stream.New(stream.Options{
		Store: a.Store, Now: store.Now, Log: a.log, Opened: a.options.Witness.Opened,
		Keep: time.Duration(a.config.ReceiptRetentionHours) * time.Hour, Listeners: int(a.config.StreamListeners),
	})
	a.options.Metrics.Streams(a.options.Streams.Counts)
	a.connections()
	a.watchIssuers(ctx)
	if a.config.mirrors() {
		a.options.Mirror = feed.New(feed.Options{
			Store: a.Store, Now: store.Now, Log: a.log,
			Endpoint: a.config.Endpoint, Token: a.config.AuthToken, Source: a.config.SourceSystem,
			Opened: a.options.Witness.Opened,
		})
	}
	a.outcomes = &outcomes.Reader{Store: a.Store, Now: store.Now, Log: a.log, Keep: time.Duration(a.config.OutcomeRetentionDays) * 24 * time.Hour}
	a.watchEvents()
	a.retention = a.retains()
	a.measure()
	handler, err := server.New(a.options)
	if err != nil {
		return err
	}
	a.http = a.listens(a.closing(a.watched(handler)))
	return nil
}

// warn says what the configuration may have been meant to say.
func (a *App) warn(ctx context.Context) {
	if names := a.config.Unread; names != "" {
		a.log.WarnContext(ctx, "settings that nobody reads: "+names)
	}
	strict := a.config.Verifier()
	strict.AllowShortSecret = false
	if _, err := identity.NewVerifier(strict); a.config.Debug && err != nil {
		a.log.WarnContext(ctx, "accepted under DEBUG alone: "+err.Error())
	}
}

// reachable is where a client on this host finds what listens on addr.
func reachable(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
	}
	return addr.String()
}

// run starts what goes on beside the requests.
func (a *App) run(listener net.Listener) {
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.background.Go(func() { a.options.Identity.LastUsed.Run(ctx, time.Minute) })
	a.background.Go(func() { a.options.Metrics.Count(ctx, store.Now, 15*time.Second) })
	a.background.Go(func() { a.options.Metrics.Look(ctx, 15*time.Second, a.beside()) })
	a.background.Go(func() { a.options.Alarms.Run(ctx, 15*time.Second) })
	a.background.Go(func() { a.verifier.Watch(ctx) })
	if a.issuers != nil {
		a.background.Go(func() { a.issuers.Run(ctx) })
	}
	a.background.Go(func() { a.Signer.Watch(ctx) })
	if a.retention != nil {
		a.background.Go(func() { a.retention.Run(ctx) })
	}
	a.background.Go(func() { a.outcomes.Run(ctx) })
	a.background.Go(func() { a.options.Refusals.Run(ctx) })
	a.background.Go(func() { a.options.Streams.Run(ctx) })
	a.background.Go(func() { a.events.Run(ctx) })
	if m := a.options.Mirror; m != nil {
		a.background.Go(func() { m.Run(ctx) })
	}
	for _, w := range a.webhooks {
		a.background.Go(func() { w.Run(ctx) })
	}
	if a.tls != nil {
		a.background.Go(func() { a.tls.Watch(ctx) })
	}
	a.background.Go(func() { a.board.Run(ctx) })
	go func() { a.served <- a.serve(listener) }()
	a.warnOfPlainHTTP(ctx, listener.Addr())
	a.log.Info("MetaGate listens", "url", a.URL, "docs", a.URL+"/docs/")
}

// Run serves until ctx ends, then shuts down gracefully.
func Run(ctx context.Context, c Config, b Build, logTo io.Writer) error {
	log, flush := c.Logger(logTo)
	defer flush()
	slog.SetDefault(log)
	tune(c)
	a, err := Start(ctx, c, b, log)
	if err != nil {
		return err
	}
	a.background.Go(debug.FreeOSMemory) // reading openapi.yaml took more than serving does
	return a.Serve(ctx)
}
