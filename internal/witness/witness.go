// Package witness is the startup lifecycle and the hot path: it opens a receipt
// for each bootstrap, durably, before the answer, and takes the reports that
// close it. See HOTPATH.md beside this file for how it is fast and never stale.
package witness

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/signing"
	"github.com/legivellum/metagate/internal/store"
)

// errStale is of a Caller of an epoch that has passed: it is read again, and the
// call repeated.
var errStale = errors.New("the caller is of an epoch that has passed")

// Options are what a Service is made of.
type Options struct {
	Store       *store.Store     // over the connections that are kept for components: Store.Hot
	Now         func() time.Time // UTC, whole microseconds
	CacheBytes  uint64           // bound of the compiled packets in memory (PACKET_CACHE_BYTES)
	MaxInFlight int              // bound of those who wait for a write (MAX_IN_FLIGHT)
	Signer      *signing.Ring    // nil signs nothing
	KeepPackets time.Duration    // how long Packet answers (PACKET_RETENTION_HOURS); 0 is for ever

	Opens, Reports Committed // are told of the commits of receipts, and of reports; nil tells nobody
}

// Service opens and closes startup receipts.
type Service struct {
	desk
	store       *store.Store
	now         func() time.Time
	blueprints  *blueprints
	opens       *batcher[store.OpenStartupParams, store.Opening]
	reports     *batcher[store.ReportStartupParams, store.Reported]
	settles     *batcher[settlement, settled]
	signer      *signing.Ring
	keepPackets time.Duration
	snapshot    func(ctx context.Context, fn func(store.Queries) error) error
	closed      sync.Once
	fate        *fate
	opened      atomic.Int64
}

// Opened is how many startups this server has opened since it began, about.
func (s *Service) Opened() int64 { return s.opened.Load() }

// desk is where receipts are read and written: the batches, or one transaction.
type desk interface {
	store.Queries
	open(ctx context.Context, r store.OpenStartupParams) (store.Opening, error)
	tx(ctx context.Context, fn func(store.Queries) error) error
	report(ctx context.Context, r store.ReportStartupParams) (store.Reported, error)
}

type batched struct {
	store.Queries
	*Service
}

func (b batched) open(ctx context.Context, r store.OpenStartupParams) (store.Opening, error) {
	return b.opens.do(ctx, r.PrincipalID, r)
}

func (b batched) tx(ctx context.Context, fn func(store.Queries) error) error {
	return b.store.InTx(ctx, fn)
}

func (b batched) report(ctx context.Context, r store.ReportStartupParams) (store.Reported, error) {
	return b.reports.do(ctx, r.PrincipalID, r)
}

const (
	// writeTimeout bounds one commit, so that its callers are answered within a second.
	writeTimeout = 800 * time.Millisecond
	// maxRows of one commit: more would make those at its head wait without more throughput.
	maxRows = 256
	// writers: two would share the rows between them, and each commit costs more than
	// its rows; and two batches could deadlock on the startups they both report.
	writers = 1
	// entryBytes is what a cache entry costs beside its contents, about.
	entryBytes = 300
)

// New starts a service; Close ends it.
func New(o Options) *Service {
	last := &fate{}
	s := &Service{
		store: o.Store, snapshot: o.Store.InSnapshot, now: o.Now, signer: o.Signer, keepPackets: o.KeepPackets, blueprints: newBlueprints(o.CacheBytes), fate: last,
		reports: newBatcher(o.Store.Embedded(), writers, maxRows, o.MaxInFlight, noted(last, o.Reports, func(ctx context.Context, rows []store.ReportStartupParams) ([]store.Reported, error) {
			reported, err := o.Store.ReportStartups(ctx, rows)
			leaveOutRivals(rows, reported)
			out := make([]store.Reported, len(rows))
			for i, r := range rows {
				out[i] = reported[r.ID]
			}
			return out, err
		})),
	}
	s.opens = newBatcher(o.Store.Embedded(), writers, maxRows, o.MaxInFlight, noted(last, o.Opens, func(ctx context.Context, rows []store.OpenStartupParams) ([]store.Opening, error) {
		s.opened.Add(int64(len(rows)))
		return o.Store.OpenStartups(ctx, rows)
	}))
	s.settles = newBatcher(o.Store.Embedded(), writers, maxRows, o.MaxInFlight, s.settleAll)
	s.desk = batched{o.Store, s}
	return s
}

// leaveOutRivals leaves out the startups that several callers report on in one
// batch: who of them won isn't known, and a stranger must not get its answer.
func leaveOutRivals(rows []store.ReportStartupParams, reported map[uuid.UUID]store.Reported) {
	type caller struct {
		principal uuid.UUID
		tenant    string
		epoch     int64
	}
	callers := make(map[uuid.UUID]caller, len(rows))
	for _, r := range rows {
		c := caller{r.PrincipalID, r.CallerTenant, r.CallerEpoch}
		if first, twice := callers[r.ID]; twice && first != c {
			delete(reported, r.ID)
		}
		callers[r.ID] = c
	}
}

// Close writes what is waiting and ends. No call may be under way or follow, but
// another Close, which does nothing.
func (s *Service) Close() {
	s.closed.Do(func() {
		s.settles.close()
		s.opens.close()
		s.reports.close()
	})
}

// Opened is an answered bootstrap, whose receipt is on disk.
type Opened struct {
	bootstrap.Birth
	blueprint blueprintAt
	tenant    string
	memo      *identity.Memo
}

// Followup is what a component is told to report with.
type Followup = bootstrap.Followup

// The doors of a component.
const (
	ByREST = bootstrap.ByREST
	ByMCP  = bootstrap.ByMCP
)

// AppendPacket appends the Welcome Packet as JSON, in the words of the door it leaves by.
func (o Opened) AppendPacket(out []byte, by Followup) []byte {
	return o.blueprint.AppendPacket(out, o.Birth, by)
}

// Birth is what a component says of its start.
type Birth struct {
	ComponentKey string
	PrincipalKey string // who it takes itself for; empty is no claim
	InstanceID   string // which replica it is; empty where it doesn't say, like Host
	Host         string
	Labels       store.JSON
	Source       string // api.StartupSource
	// IdempotencyKey becomes the startup's id where it can (see newID).
	IdempotencyKey uuid.UUID
	By             Followup // the door: empty is ByREST
}

// maxLabels is how many bytes a startup's labels may have (contract 4).
const maxLabels = 4 << 10

// BirthOf is what a request says.
func BirthOf(r model.BootstrapRequest) (Birth, error) {
	if len(r.Labels) > maxLabels {
		return Birth{}, errs.At(errs.InvalidRequest, "the labels are larger than 4096 bytes",
			errs.Place{Pointer: "/labels", Detail: "larger than 4096 bytes"})
	}
	return Birth{
		ComponentKey: r.ComponentKey, PrincipalKey: r.PrincipalKey, InstanceID: r.InstanceID, Host: r.Host,
		Labels: store.JSON(r.Labels), Source: string(r.Source),
	}, nil
}

// Bootstrap resolves who's binding and opens a startup. Its packet is signed when the
// receipt is on disk: in a world that moves, most attempts come to nothing, and one
// within a transaction would keep all others waiting.
func (s *Service) Bootstrap(ctx context.Context, who identity.Caller, b Birth) (Opened, error) {
	o, err := current(ctx, s, who, func(ctx context.Context, s *Service, who identity.Caller) (Opened, error) {
		return s.bootstrap(ctx, who, b)
	})
	if stamp := s.signer.Stamp(s.now()); err == nil && stamp != 0 {
		o.Signature = o.memo.Signature(o.ComponentKey, stamp, func() string {
			return s.signer.Sign(o.blueprint.Stable(o.PrincipalKey, o.ComponentKey), signing.Claims{Tenant: o.tenant, Revision: o.blueprint.revision})
		})
	}
	return o, err
}

// bootstrap is of who's epoch: the statement that writes the receipt writes nothing
// unless the world is still at it, so no packet mixes two worlds or shows one that
// has passed.
func (s *Service) bootstrap(ctx context.Context, who identity.Caller, b Birth) (Opened, error) {
	blueprint, err := s.permitted(ctx, who, b)
	if err != nil {
		return Opened{}, s.confirm(ctx, who, err)
	}
	now := s.now()
	birth := bootstrap.Birth{
		StartupID: newID(now, b.IdempotencyKey), PacketID: store.NewID(now), PrincipalKey: who.PrincipalKey, ComponentKey: b.ComponentKey,
		IssuedAt: now, DeadlineAt: now.Add(blueprint.SLA),
	}
	birth.Etag = who.Memo.Etag(b.ComponentKey, func() string { return bootstrap.EtagOf(blueprint.Stable(who.PrincipalKey, b.ComponentKey)) })
	opening, err := s.open(ctx, store.OpenStartupParams{
		ID: birth.StartupID, TenantKey: who.TenantKey, Epoch: who.Epoch,
		PrincipalID: who.ID, PrincipalKey: who.PrincipalKey, ComponentKey: b.ComponentKey,
		ProfileKey: blueprint.ProfileKey, ManifestKey: blueprint.ManifestKey, ManifestVersion: blueprint.ManifestVersion,
		PacketID: birth.PacketID, PacketEtag: birth.Etag,
		OpenedAt: birth.IssuedAt, DeadlineAt: birth.DeadlineAt,
		InstanceID: said(b.InstanceID), Host: said(b.Host), Labels: b.Labels,
		Source: cmp.Or(b.Source, sourceLive), Credential: who.Credential, RemoteAddr: said(who.RemoteAddr),
		DeploymentKey: unusual(blueprint.DeploymentKey), PacketBody: blueprint.bodyBy(b.By),
	})
	switch {
	case err != nil:
		return Opened{}, err
	case opening == store.Stale:
		return Opened{}, errStale
	case opening == store.Repeated:
		return s.repeat(ctx, who, b, Opened{birth, blueprint, who.TenantKey, who.Memo})
	}
	return Opened{birth, blueprint, who.TenantKey, who.Memo}, nil
}

const (
	sourceLive        = "live"
	defaultDeployment = "default"
)

// unusual is nil for the deployment_key that nearly all manifests have.
func unusual(deployment string) *string {
	if deployment == defaultDeployment {
		return nil
	}
	return &deployment
}

// said is nil for what wasn't.
func said(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func (s *Service) permitted(ctx context.Context, who identity.Caller, birth Birth) (b blueprintAt, err error) {
	if hint := birth.PrincipalKey; hint != "" && hint != who.PrincipalKey {
		return b, errs.New(errs.PrincipalMismatch, "the credential belongs to another principal than %q", hint)
	}
	if who.ProfileID == nil || who.ManifestID == nil {
		return b, errs.New(errs.NoBinding, "principal %q has no active binding", who.PrincipalKey)
	}
	if b, err = s.blueprint(ctx, who); err != nil {
		return b, err
	}
	return b, b.Permits(birth.ComponentKey)
}

// confirm lets a refusal stand only if it is of the present world: no write
// checks it otherwise.
func (s *Service) confirm(ctx context.Context, who identity.Caller, refusal error) error {
	if errors.Is(refusal, errStale) {
		return refusal
	}
	now, err := s.GetRevision(ctx, who.TenantKey)
	if err == nil && now.Epoch != who.Epoch {
		err = errStale
	}
	if err != nil {
		return err
	}
	return refusal
}
