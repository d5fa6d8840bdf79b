// Package stream tells who listens what happens: startups and the revisions of worlds
// to admins, and to a component that its packet has changed. There is one Hub in a
// process, however many listen. It reads beside the write path, in the order of
// changes up to store.Settled, and only while somebody listens.
//
// A Position tells how far a listener is in the terms of the database, so it goes on
// at any replica. That nothing is left out:
//
//  1. A startup that changes takes a number that is higher than Position.Change of
//     everybody, for positions stay below what is settled. So it is read again.
//  2. A deadline that passes changes nothing in the database. A startup that was told
//     while its deadline was to come is read again, still OPEN, by the first look whose
//     span holds the deadline, and spans meet at Position.Time. One that is committed
//     after that look is told as overdue when it is read as a change.
//  3. Who has been told up to a position that the ring no longer has, or does not have
//     yet, reads the database itself, up to where the ring begins.
package stream

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

const (
	// poll is how long a change waits at most to be seen.
	poll = 200 * time.Millisecond
	// busyPoll is the same while the processors are busy.
	busyPoll = time.Second
	// linger is how long is read on when nobody listens any more: most connect again.
	linger = 5 * time.Second
	// slowest is how rarely is tried while the database can't be read.
	slowest = 5 * time.Second
	// joinTime is how long a listener waits for the hub to be where the database is.
	joinTime = 10 * time.Second
	// watchesAtOnce bounds who watches packets, for each listener that may be.
	watchesAtOnce = 10
	// rereads a second of callers whose world has moved, and how many at once.
	rereads, rereadsAtOnce = 1000, 20
)

// Options are what a Hub is made of.
type Options struct {
	Store     *store.Store
	Now       func() time.Time
	Log       *slog.Logger
	Startup   func(store.StartupSession) any // as admins see it, now
	Event     func(store.Event) any          // as admins see it
	Opened    func() int64                   // how many startups this server has opened so far
	Keep      time.Duration                  // RECEIPT_RETENTION_HOURS; 0 is for ever
	Listeners int                            // STREAM_LISTENERS
}

// Hub is what all listeners of a process share. Methods are safe for concurrent use.
type Hub struct {
	Options
	pace    *pace
	reread  *rate.Limiter
	reading chan struct{} // of those who read the database themselves

	mu       sync.Mutex
	streams  gate
	worlds   gate // of who streams or watches
	by       map[uuid.UUID]int
	live     bool // the ring begins at a position
	ring     ring
	end      Position
	more     chan struct{} // closed when the ring has more
	tenants  map[string]tenantAt
	known    chan struct{} // closed while tenants are
	moved    chan struct{} // closed when one of them has moved
	answers  map[watched]*answer
	checks   map[credential]*check
	watchers int

	leave   sync.Once
	leaving chan struct{}
	dropped atomic.Int64
	current atomic.Int64 // up to when all was read, in Unix microseconds; 0 where nothing is
}

type tenantAt struct{ revision, epoch int64 }

// New returns a hub; Run has to be run beside it.
func New(o Options) *Hub {
	return &Hub{
		Options: o, pace: newPace(o.Opened), reread: rate.NewLimiter(rereads, rereadsAtOnce), reading: make(chan struct{}, 4),
		streams: newGate(), worlds: newGate(), by: map[uuid.UUID]int{}, tenants: map[string]tenantAt{},
		more: make(chan struct{}), moved: make(chan struct{}), known: make(chan struct{}), leaving: make(chan struct{}),
		answers: map[watched]*answer{}, checks: map[credential]*check{},
	}
}

// Run reads until ctx ends.
func (h *Hub) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { h.loop(ctx, "startups", &h.streams, 0, h.readStartups, h.forgetStartups) })
	both.Go(func() { h.loop(ctx, "worlds", &h.worlds, restful, h.readWorlds, h.forgetWorlds) })
	both.Wait()
}

// Leave ends all streams, and those that are yet to come: the server goes.
func (h *Hub) Leave() { h.leave.Do(func() { close(h.leaving) }) }

// Counts are how many listen to startups, how many watch a packet, how many readers
// were dropped since the server began, and the age of what was read last.
func (h *Hub) Counts() (streams, watchers, dropped int64, lag time.Duration) {
	h.mu.Lock()
	streams, watchers = int64(h.streams.n), int64(h.watchers)
	h.mu.Unlock()
	if at := h.current.Load(); at != 0 {
		lag = max(0, h.Now().Sub(time.UnixMicro(at)))
	}
	return streams, watchers, h.dropped.Load(), lag
}

// restful is the part of the time that reading takes at most: there may be many tenants.
const restful = 5 // percent

// loop makes a turn now and then while the gate is open, and for a while longer.
func (h *Hub) loop(ctx context.Context, what string, g *gate, share int, turn func(context.Context) error, forget func()) {
	wait, failing, unused := poll, false, time.Now().Add(-2*linger) // nobody has come yet
	for ctx.Err() == nil {
		open, n := h.look(g)
		switch now := time.Now(); {
		case n > 0:
			unused = time.Time{}
		case unused.IsZero():
			unused = now
		case now.Sub(unused) > linger:
			forget()
			select {
			case <-ctx.Done():
				return
			case <-open:
			}
			continue
		}
		began, err := time.Now(), turn(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !failing {
				h.Log.WarnContext(ctx, what+" can't be read for the stream, will try again", "error", err)
			}
			failing, wait = true, min(2*wait, slowest)
		case failing:
			h.Log.InfoContext(ctx, what+" are read for the stream again")
			failing, wait = false, poll
		default:
			wait = poll
			if share == 0 && h.pace.busy { // only this loop sets it
				wait = busyPoll
			}
			if share > 0 {
				wait = max(poll, time.Since(began)*100/time.Duration(share))
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// gate is open while somebody is in.
type gate struct {
	n    int
	open chan struct{}
}

func newGate() gate { return gate{open: make(chan struct{})} }

func (g *gate) enter() {
	if g.n++; g.n == 1 {
		close(g.open)
	}
}

func (g *gate) leave() {
	if g.n--; g.n == 0 {
		g.open = make(chan struct{})
	}
}

func (h *Hub) look(g *gate) (open <-chan struct{}, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return g.open, g.n
}

// enter takes a listener in, if there is room; done lets it out again.
func (h *Hub) enter(who identity.Caller, watches bool) (done func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.leaving:
		return nil, errs.New(errs.Unavailable, "this server goes: connect to another one")
	default:
	}
	n, room := h.streams.n, h.Listeners
	if watches {
		n, room = h.watchers, watchesAtOnce*h.Listeners
	}
	if n >= room {
		return nil, errs.New(errs.Unavailable, "%d listen already (STREAM_LISTENERS)", n)
	}
	if !watches && h.by[who.ID] >= (room+1)/2 {
		return nil, errs.New(errs.Unavailable, "principal %q has %d streams already: half of all (STREAM_LISTENERS)", who.PrincipalKey, h.by[who.ID])
	}
	if h.worlds.enter(); watches {
		h.watchers++
	} else {
		h.streams.enter()
		h.by[who.ID]++
	}
	return func() { h.exit(who.ID, watches) }, nil
}

func (h *Hub) exit(id uuid.UUID, watches bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.worlds.leave()
	if watches {
		h.watchers--
		return
	}
	h.streams.leave()
	if h.by[id]--; h.by[id] == 0 {
		delete(h.by, id)
	}
}
