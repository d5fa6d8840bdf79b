package stream

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/sse"
	"github.com/legivellum/metagate/internal/store"
)

const (
	// heartbeat is how often something is sent at least: proxies cut what is silent.
	heartbeat = 15 * time.Second
	// flushBytes is how much is sent at once.
	flushBytes = 256 << 10
)

// Asked is what a listener wants to hear.
type Asked struct {
	Who    identity.Caller
	From   *Position // nil is the present
	Types  []model.StreamType
	Tenant *string // nil is every tenant

	Status                                             *model.StartupFilterStatus
	ProfileKey, PrincipalKey, ComponentKey, InstanceID *string
}

// Line takes what is sent to a listener. An error is of one who has gone, or reads
// too slowly: ErrSlow.
type Line interface{ Send(text []byte) error }

// ErrSlow is of a listener that has taken nothing for too long.
var ErrSlow = errors.New("the listener reads too slowly")

func (h *Hub) wants(a *Asked, f *frame) bool {
	if a.Tenant != nil && *a.Tenant != f.tenant || len(a.Types) > 0 && !slices.Contains(a.Types, f.kind) {
		return false
	}
	if f.kind != model.StreamTypeStartup {
		return true
	}
	if !is(a.ProfileKey, f.profile) || !is(a.PrincipalKey, f.principal) || !is(a.ComponentKey, f.component) || !is(a.InstanceID, f.instance) {
		return false
	}
	if a.Status == nil {
		return true
	}
	overdue := f.status == model.StartupStatusOPEN && h.Now().After(f.deadline)
	switch *a.Status {
	case model.StartupFilterStatusOVERDUE:
		return overdue && !f.superseded && !f.acknowledged
	case model.StartupFilterStatusSUPERSEDED:
		return overdue && f.superseded
	case model.StartupFilterStatusACKNOWLEDGED:
		return overdue && f.acknowledged
	}
	return string(f.status) == string(*a.Status)
}

func is(wanted *string, text string) bool { return wanted == nil || *wanted == text }

// listener is one who follows.
type listener struct {
	*Hub
	Asked
	line   Line
	at     Position  // all up to here has been sent
	next   uint64    // the number of the next frame of the ring
	past   uuid.UUID // the last one whose deadline was at.Time, while what was missed is read
	buffer []byte
}

// Join takes a listener in as soon as the hub is where the database is; what it
// returns sends until the listener goes, or has to.
func (h *Hub) Join(ctx context.Context, a Asked) (follow func(ctx context.Context, line Line) error, err error) {
	done, err := h.enter(a.Who, false)
	if err != nil {
		return nil, err
	}
	if err := h.ready(ctx, true); err != nil {
		done()
		return nil, err
	}
	l := &listener{Hub: h, Asked: a, past: store.MinID}
	h.mu.Lock()
	l.at, l.next = h.end, h.ring.next()
	h.mu.Unlock()
	return func(ctx context.Context, line Line) error {
		defer done()
		l.line = line
		return l.follow(ctx)
	}, nil
}

// ready waits until the tenants are known, and the ring begins somewhere.
func (h *Hub) ready(ctx context.Context, streams bool) error {
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	for {
		h.mu.Lock()
		known, more, live := h.known, h.more, h.live || !streams
		h.mu.Unlock()
		wait := more
		switch {
		case isOpen(known):
			wait = known
		case live:
			return nil
		}
		select {
		case <-wait:
		case <-h.leaving:
			return errs.New(errs.Unavailable, "this server goes: connect to another one")
		case <-ctx.Done():
			return errs.Wrap(ctx.Err(), errs.Unavailable, "the database does not answer")
		}
	}
}

func (l *listener) follow(ctx context.Context) error {
	from := l.at
	if l.From != nil {
		from = *l.From
	}
	if err := l.line.Send(sse.AppendID(retry(), from.String())); err != nil {
		return l.failed(err)
	}
	checked := newClock(l.Who)
	defer checked.stop()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	if l.From != nil {
		l.at = from
		if err := l.resume(ctx, checked, beat.C); err != nil {
			return l.failed(err)
		}
	}
	for {
		more, moved, behind := l.take()
		if behind {
			l.dropped.Add(1)
			return l.bye(reasonSlow, "it was read too slowly: connect again")
		}
		sent := len(l.buffer) > 0
		if err := l.flush(); err != nil {
			return l.failed(err)
		}
		if sent {
			beat.Reset(heartbeat)
		}
		if refused := l.check(ctx, checked); refused != nil {
			return l.unauthorized(refused)
		}
		select {
		case <-more:
		case <-moved:
		case <-checked.C:
		case <-beat.C:
			if err := l.beat(); err != nil {
				return l.failed(err)
			}
		case <-l.leaving:
			return l.bye(reasonShutdown, "this server goes: connect again")
		case <-ctx.Done():
			return nil
		}
	}
}

// failed counts who reads too slowly; who has gone is nobody's fault.
func (l *listener) failed(err error) error {
	if errors.Is(err, ErrSlow) {
		l.dropped.Add(1)
		return err
	}
	return nil
}

// beat tells where the listener is, though there is nothing that it wants to hear of.
func (l *listener) beat() error {
	return l.line.Send(sse.AppendID([]byte(":\n"), l.at.String()))
}

func (l *listener) unauthorized(refused error) error {
	return l.bye(reasonUnauthorized, errs.From(refused).Message)
}

func (l *listener) bye(reason, detail string) error {
	_ = l.line.Send(sse.Append(retry(), eventBye, l.at.String(), notice(reason, detail)))
	return nil
}

// take appends what the ring has for the listener.
func (l *listener) take() (more, moved <-chan struct{}, behind bool) {
	l.mu.Lock()
	frames, there := l.ring.since(l.next)
	more, moved = l.more, l.moved
	end, next := l.end, l.ring.next()
	l.mu.Unlock()
	if !there {
		return more, moved, true
	}
	l.append(frames, l.at.farther(end))
	l.next = next
	return more, moved, false
}

// append appends the frames that the listener wants and has not been told of: the
// last has the position that it has then been told up to, and the others the one before.
func (l *listener) append(frames []*frame, end Position) {
	wanted := slices.DeleteFunc(slices.Clone(frames), func(f *frame) bool {
		return f.change > 0 && f.change <= l.at.Change || f.time > 0 && f.time < l.at.Time || f.seq > 0 && f.seq <= l.at.Event || !l.wants(&l.Asked, f)
	})
	id := l.at.String()
	for i, f := range wanted {
		if i == len(wanted)-1 {
			id = end.String()
		}
		l.buffer = sse.Append(l.buffer, string(f.kind), id, l.text(f))
	}
	l.at = end
}

// flush sends what was appended.
func (l *listener) flush() error {
	if len(l.buffer) == 0 {
		return nil
	}
	for part := range slices.Chunk(l.buffer, flushBytes) {
		if err := l.line.Send(part); err != nil {
			return err
		}
	}
	if l.buffer = l.buffer[:0]; cap(l.buffer) > 2*flushBytes {
		l.buffer = nil
	}
	return nil
}
