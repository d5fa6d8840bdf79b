package stream

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/sse"
)

// Watched is whose packet is watched.
type Watched struct {
	Who identity.Caller
	// Component and Principal are as in a bootstrap; Principal may be empty.
	Component, Principal string
	// Etag is that of the packet that who would get now, and who as it was read for it.
	Etag func(context.Context, identity.Caller) (string, identity.Caller, error)
}

// watched is what has one answer, however many ask.
type watched struct {
	credential
	component, principal string
}

// answer is what was found out last for one of them.
type answer struct {
	sync.Mutex
	n    int // of those who watch
	at   time.Time
	who  identity.Caller
	etag string
	err  error // the refusal
}

// Watcher hears of one packet.
type Watcher struct {
	h    *Hub
	w    Watched
	a    *answer
	key  watched
	done func()
}

// Watch takes a watcher in; End lets it out.
func (h *Hub) Watch(ctx context.Context, w Watched) (*Watcher, error) {
	done, err := h.enter(w.Who, true)
	if err != nil {
		return nil, err
	}
	if err := h.ready(ctx, false); err != nil {
		done()
		return nil, err
	}
	key := watched{credential{w.Who.ID, string(w.Who.Credential)}, w.Component, w.Principal}
	h.mu.Lock()
	a := h.answers[key]
	if a == nil {
		a = &answer{}
		h.answers[key] = a
	}
	a.n++
	h.mu.Unlock()
	return &Watcher{h, w, a, key, done}, nil
}

// Last is the etag that was found out last.
func (w *Watcher) Last() string {
	w.a.Lock()
	defer w.a.Unlock()
	return w.a.etag
}

// Left tells whether an error of Next is that this server goes.
func Left(err error) bool { return errors.Is(err, errLeaving) }

// End lets go of it.
func (w *Watcher) End() {
	w.h.mu.Lock()
	if w.a.n--; w.a.n == 0 {
		delete(w.h.answers, w.key)
	}
	w.h.mu.Unlock()
	w.done()
}

// Now is the etag that the packet has, or why there is none: read again if the world
// has moved, and once for all who ask the same.
func (w *Watcher) Now(ctx context.Context) (etag string, refusal error, err error) {
	a := w.a
	a.Lock()
	defer a.Unlock()
	if a.at.IsZero() { // it was read to let it in
		a.who = w.w.Who
	} else if a.fresh() && !w.h.hasMoved(a.who) {
		return a.etag, a.err, nil
	} else if err := w.h.reread.Wait(ctx); err != nil {
		return "", nil, err
	}
	began, who := time.Now(), a.who
	if !a.at.IsZero() {
		who, err = a.who.Again(ctx, w.h.Store)
	}
	etag = ""
	if err == nil {
		etag, who, err = w.w.Etag(ctx, who)
	}
	if err != nil && !refuses(err) {
		return "", nil, err
	}
	if a.at, a.etag, a.err = began, etag, err; who.PrincipalKey != "" {
		a.who = who
	}
	if err != nil { // it is of the world that refused: nothing is read until that moves
		a.who.Epoch = w.h.epoch(a.who)
	}
	return a.etag, a.err, nil
}

// fresh tells that neither a minute nor the credential is over.
func (a *answer) fresh() bool {
	return time.Since(a.at) < watchEvery && (a.who.ExpiresAt.IsZero() || time.Now().Before(a.who.ExpiresAt))
}

// epoch is the present one of the caller's tenant, as far as the hub knows.
func (h *Hub) epoch(who identity.Caller) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if at, known := h.tenants[who.TenantKey]; known {
		return at.epoch
	}
	return who.Epoch
}

// watchEvery is checkEvery of watchers, of whom there are more, and who hear no more than a hash.
const watchEvery = 5 * time.Minute

// retryWatch is how soon is tried again what can't be found out now.
const retryWatch = time.Second

// Next waits for another etag than known, or another refusal than the last; errBeat
// tells of a tick of beat meanwhile.
func (w *Watcher) Next(ctx context.Context, known func(etag string) bool, last error, beat <-chan time.Time) (etag string, refusal error, err error) {
	for {
		w.h.mu.Lock()
		moved := w.h.moved
		w.h.mu.Unlock()
		etag, refusal, err := w.Now(ctx)
		switch {
		case ctx.Err() != nil:
			return "", nil, ctx.Err()
		case err == nil && refusal != nil && (last == nil || errs.From(last).Code != errs.From(refusal).Code), err == nil && refusal == nil && (last != nil || !known(etag)):
			return etag, refusal, nil
		}
		again := time.NewTimer(w.due(err))
		select {
		case <-moved:
		case <-again.C:
		case <-beat:
			err = errBeat
		case <-w.h.leaving:
			err = errLeaving
		case <-ctx.Done():
			err = ctx.Err()
		}
		if again.Stop(); err == errBeat || err == errLeaving || ctx.Err() != nil { //nolint:errorlint // it is that very one
			return "", nil, err
		}
	}
}

// due is when it is to be read again though nothing moves.
func (w *Watcher) due(err error) time.Duration {
	if err != nil {
		return retryWatch
	}
	w.a.Lock()
	defer w.a.Unlock()
	wait := watchEvery
	if at := w.a.who.ExpiresAt; !at.IsZero() {
		wait = min(wait, max(0, time.Until(at)))
	}
	return wait + time.Millisecond
}

var (
	errBeat    = errors.New("it is time to send something")
	errLeaving = errs.New(errs.Unavailable, "this server goes: connect to another one")
)

// Follow sends each etag that is another than known, until the watcher goes or has to.
func (w *Watcher) Follow(ctx context.Context, known func(etag string) bool, line Line) error {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	text, over := append(retry(), '\n'), false
	for last := error(nil); ; {
		switch err := line.Send(text); {
		case errors.Is(err, ErrSlow):
			w.h.dropped.Add(1)
			return err
		case err != nil || over:
			return nil
		}
		etag, refusal, err := w.Next(ctx, known, last, beat.C)
		switch {
		case errors.Is(err, errBeat):
			text = []byte(sse.Beat)
		case errors.Is(err, errLeaving):
			text, over = bye(reasonShutdown, errLeaving.Message), true
		case err != nil:
			return nil
		case refusal != nil:
			last = refusal
			text, over = refused(errs.From(refusal))
		default:
			last, known = nil, func(now string) bool { return now == etag }
			text = sse.Append(nil, eventPacket, etag, encode(model.WatchedPacket{PacketEtag: etag}))
		}
	}
}

func refused(e *errs.Error) (text []byte, last bool) {
	if e.Code == errs.Unauthenticated || e.Code == errs.Forbidden {
		return bye(reasonUnauthorized, e.Message), true
	}
	return sse.Append(nil, eventRefused, "", notice(string(e.Code), e.Message)), false
}

func bye(reason, detail string) []byte {
	return sse.Append(retry(), eventBye, "", notice(reason, detail))
}
