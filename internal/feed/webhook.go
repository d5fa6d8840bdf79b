package feed

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

const (
	// webhookTerm is such that a request ends within half of it.
	webhookTerm = 2 * webhookTimeout
	// eventsOnce is how many events are read at once, burst how many a digest has at most.
	eventsOnce, burst = 1000, 10_000
	// freshRetry is how soon an event that is new is tried, whatever the others wait for.
	freshRetry = 10 * time.Second
	// farthestRetry is later than any attempt is put off to: what is farther away is of a clock that was wrong.
	farthestRetry = 2 * longestWait
)

// Webhook tells one sink of events: one replica at a time does, at least once, in their
// order. Methods are safe for concurrent use.
type Webhook struct {
	store  *store.Store
	now    func() time.Time
	log    *slog.Logger
	config WebhookConfig
	http   *http.Client
	lease  *store.Lease // asked for before each request: so only one replica is at it

	tried    int64          // the newest event at the last attempt
	last     time.Time      // of the last attempt
	patient  time.Time      // until when the sink asked to be left alone: also with what is new
	digested map[int64]bool // events that were told in a digest, while others before them weren't
	enabled  bool

	delivered, refused, failures, dropped atomic.Int64 // by this replica
	pendingSince                          atomic.Int64 // when the next event was recorded, in Unix microseconds; 0 where nothing waits
}

// NewWebhook makes a sink; Run runs it.
func NewWebhook(st *store.Store, now func() time.Time, log *slog.Logger, c WebhookConfig) *Webhook {
	return &Webhook{store: st, now: now, log: log.With("sink", c.Name), config: c, http: guarded(c.AllowPrivate), lease: st.NewLease(c.Name, webhookTerm, now)}
}

// Name is the sink's.
func (w *Webhook) Name() string { return w.config.Name }

// Counts are what this replica has done, and for how long the next event has waited;
// 0 on the replicas whose turn it isn't.
func (w *Webhook) Counts() (delivered, refused, failures, dropped int64, lag time.Duration) {
	if at := w.pendingSince.Load(); at != 0 {
		lag = max(0, w.now().Sub(time.UnixMicro(at)))
	}
	return w.delivered.Load(), w.refused.Load(), w.failures.Load(), w.dropped.Load(), lag
}

// Run tells until ctx ends.
func (w *Webhook) Run(ctx context.Context) {
	defer w.lease.Leave(ctx)
	turns := store.Turns{
		Log: w.log, Fails: "a sink can't be told of events, will try again", Resumes: "a sink is told of events again", Every: poll, Slowest: poll,
	}
	turns.Run(ctx, func(ctx context.Context) (did bool, err error) {
		switch did, err = w.turn(ctx); {
		case errors.Is(err, errLeaseLost):
			w.lease.Lose()
			return false, nil
		case errors.Is(err, errGone):
			return false, nil
		}
		return did, err
	})
}

// join begins at the present, and enables a sink that said it was gone: a server that
// starts may have another address for it.
func (w *Webhook) join(ctx context.Context) error {
	if w.enabled {
		return nil
	}
	bounds, err := w.store.EventBounds(ctx)
	if err == nil {
		err = w.store.CreateSink(ctx, store.CreateSinkParams{Name: w.config.Name, Kind: kindWebhook, Position: bounds.Newest, LeasedUntil: w.now()})
	}
	if err == nil {
		err = w.store.DisableSink(ctx, store.DisableSinkParams{Name: w.config.Name})
	}
	w.enabled = err == nil
	return err
}

// turn tells what there is, if it is this replica's turn and time for it.
func (w *Webhook) turn(ctx context.Context) (did bool, err error) {
	if err := w.join(ctx); err != nil {
		return false, err
	}
	bounds, err := w.store.EventBounds(ctx)
	if err != nil {
		return false, err
	}
	s, err := w.store.GetSink(ctx, w.config.Name)
	if err != nil || s.DisabledAt != nil || s.Position >= bounds.Newest {
		w.pendingSince.Store(0)
		return false, err
	}
	now := w.now()
	if w.lease.Elsewhere(s) {
		w.pendingSince.Store(0)
		return false, nil
	}
	fresh := bounds.Newest > w.tried && now.Sub(w.last) >= freshRetry && !now.Before(w.patient)
	if s.RetryAt != nil && now.Before(*s.RetryAt) && s.RetryAt.Sub(now) <= farthestRetry && !fresh {
		return false, nil
	}
	if s.FailingSince != nil && s.FailingSince.After(now) { // or the next attempt would be as far away
		s.FailingSince = &now
	}
	if mine, err := w.lease.Take(ctx); err != nil || !mine {
		return false, err
	}
	w.tried, w.last = bounds.Newest, now
	oldest := cmp.Or(bounds.Oldest, bounds.Newest+1) // where none is left, all are gone
	if gone := oldest - 1 - s.Position; gone > 0 {
		w.dropped.Add(gone)
		w.log.WarnContext(ctx, "events are gone that a sink was not told of (EVENT_RETENTION_DAYS)", "events", gone)
		_, err := w.store.DropEvents(ctx, store.DropEventsParams{Name: w.config.Name, Owner: w.lease.Owner(), Position: oldest - 1, Dropped: gone})
		if err != nil {
			return false, err
		}
		s.Position = oldest - 1
	}
	return true, w.tell(ctx, s)
}

// tell tells what waits behind a sink's place, as far as it is read at once.
func (w *Webhook) tell(ctx context.Context, s store.Sink) error {
	waiting, upTo, err := w.waiting(ctx, s.Position)
	if err != nil {
		return err
	}
	since := s.FailingSince
	if many := w.bursts(waiting); len(many) > 0 {
		summary, err := digestOf(w.config.Name, many)
		if err != nil {
			return err
		}
		w.pendingSince.Store(many[0].RecordedAt.UnixMicro())
		if err := w.send(ctx, summary, since, waiting[0].Seq-1); err != nil { // what is older than the burst still waits
			return err
		}
		since, w.digested = nil, make(map[int64]bool, len(many))
		for _, e := range many {
			w.digested[e.Seq] = true
		}
		waiting = slices.DeleteFunc(waiting, func(e store.Event) bool { return w.digested[e.Seq] })
	}
	for _, e := range waiting {
		w.pendingSince.Store(e.RecordedAt.UnixMicro())
		if err := w.send(ctx, cloudEventOf(e), since, e.Seq); err != nil {
			return err
		}
		since = nil
	}
	w.pendingSince.Store(0)
	w.digested = nil
	return w.pass(ctx, upTo, 0)
}

// waiting are the events behind a place that the sink wants to hear of, and how far they
// were read.
func (w *Webhook) waiting(ctx context.Context, after int64) (all []store.Event, upTo int64, err error) {
	p := store.ListEventsParams{After: after, RowLimit: eventsOnce}
	for len(all) < burst {
		rows, err := w.store.ListEvents(ctx, p)
		if err != nil {
			return nil, 0, err
		}
		for _, e := range rows {
			p.After = e.Seq
			if w.wants(e) && !w.digested[e.Seq] {
				all = append(all, e)
			}
		}
		if len(rows) < eventsOnce {
			break
		}
	}
	return all, p.After, nil
}

func (w *Webhook) wants(e store.Event) bool {
	return (len(w.config.Types) == 0 || slices.ContainsFunc(w.config.Types, func(t model.EventType) bool { return string(t) == e.Type })) &&
		(len(w.config.Tenants) == 0 || slices.Contains(w.config.Tenants, e.TenantKey))
}

// bursts are the events that are told as one: those of startups where there are too many
// of one type, all of them, for what becomes of a startup is told in order; and those of another type
// where there are too many of that. What was in a digest that was taken stays out.
func (w *Webhook) bursts(waiting []store.Event) (many []store.Event) {
	n, startups := map[string]int{}, false
	for _, e := range waiting {
		n[e.Type]++
		startups = startups || (isOfStartup(e) && n[e.Type] > w.config.DigestAbove)
	}
	for _, e := range waiting {
		if n[e.Type] > w.config.DigestAbove || (startups && isOfStartup(e)) {
			many = append(many, e)
		}
	}
	return many
}

func isOfStartup(e store.Event) bool { return strings.HasPrefix(e.Type, "startup.") }

// pass puts down that all up to an event is done.
func (w *Webhook) pass(ctx context.Context, upTo, delivered int64) error {
	p := store.AdvanceSinkParams{Name: w.config.Name, Owner: w.lease.Owner(), Position: upTo, Delivered: delivered}
	if delivered > 0 {
		p.DeliveredAt = new(w.now())
	}
	n, err := w.store.AdvanceSink(ctx, p)
	if err == nil && n == 0 {
		err = errLeaseLost
	}
	return err
}

// errGone ends a turn: the sink is told nothing more.
var errGone = errors.New("the sink is gone")

// send tells one event, and puts down that all up to a place is done then; since is when it was first
// tried in vain. An error is a reason to stop here.
func (w *Webhook) send(ctx context.Context, e cloudEvent, since *time.Time, upTo int64) error {
	if mine, err := w.lease.Take(ctx); err != nil || !mine {
		return cmp.Or(err, errLeaseLost)
	}
	v, now := w.post(ctx, e), w.now()
	if v.err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	wait, over := retry(now.Sub(*cmp.Or(since, &now)))
	switch {
	case v.err == nil:
		w.delivered.Add(1)
		done, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second) // or a server that ends would have it told twice
		defer cancel()
		return w.pass(done, upTo, 1)
	case v.gone:
		w.log.WarnContext(ctx, "a sink says that it is gone: it is told nothing more until a server starts", "error", v.err)
		err := w.store.DisableSink(ctx, store.DisableSinkParams{Name: w.config.Name, DisabledAt: &now, LastError: new(clip(v.err.Error()))})
		return cmp.Or(err, errGone)
	case v.final || over:
		w.refused.Add(1)
		w.log.WarnContext(ctx, "a sink refuses an event, which is not tried again", "event", e.ID, "seq", e.Sequence, "error", v.err)
		_, err := w.store.RefuseEvent(ctx, store.RefuseEventParams{
			Name: w.config.Name, Owner: w.lease.Owner(), Position: upTo, LastRefusal: new(clip("event " + e.Sequence + ": " + v.err.Error())),
		})
		return err
	}
	w.failures.Add(1)
	w.patient = now.Add(v.after)
	wait = max(wait+rand.N(wait/5+1), v.after) //nolint:gosec // no secret
	_, err := w.store.RetrySink(ctx, store.RetrySinkParams{
		Name: w.config.Name, Owner: w.lease.Owner(), RetryAt: new(now.Add(wait).Truncate(time.Microsecond)), Now: &now, LastError: new(clip(v.err.Error())),
	})
	return cmp.Or(err, v.err)
}
