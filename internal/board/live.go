package board

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/legivellum/metagate/gen/model"
)

const (
	pollEvery = 400 * time.Millisecond // a startup shows within a second
	beatEvery = 15 * time.Second       // so that no proxy takes a stream for dead
	// streamLasts bounds how long who has lost the right is told that something has
	// happened: the browser asks anew, and is refused.
	streamLasts = 10 * time.Minute
)

// live tells all who look that something has happened, and no more: what, they ask
// each as themselves. Nobody is asked for the position while nobody looks.
type live struct {
	mu      sync.Mutex
	looking int
	changed chan struct{} // closed at the next change
	begun   chan struct{} // somebody looks; made by Run
	closed  bool
}

// join counts one more who looks, until leave, and is next.
func (l *live) join() <-chan struct{} {
	changed := l.next() // before it is looked for, or what is found at once would be lost
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looking++
	select {
	case l.wakeup() <- struct{}{}:
	default:
	}
	return changed
}

func (l *live) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looking--
}

func (l *live) wakeup() chan struct{} {
	if l.begun == nil {
		l.begun = make(chan struct{}, 1)
	}
	return l.begun
}

// next is closed at the next change; nil once the server goes.
func (l *live) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

func (l *live) tell() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

func (l *live) watched() (bool, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.looking > 0, l.wakeup()
}

// Run watches for changes while somebody looks, until ctx ends. Of no board it does nothing.
func (b *Board) Run(ctx context.Context) {
	if b == nil {
		return
	}
	defer b.Close()
	last := ""
	for ctx.Err() == nil {
		watched, begun := b.live.watched()
		if !watched {
			select {
			case <-begun:
			case <-ctx.Done():
			}
			continue
		}
		short, cancel := context.WithTimeout(ctx, 10*pollEvery)
		at, err := b.Position(short)
		cancel()
		if err != nil && ctx.Err() == nil {
			b.Log.WarnContext(ctx, "the board does not know whether something has happened, will ask again", "error", err)
		}
		if err == nil && at != last {
			last = at
			b.live.tell()
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollEvery):
		}
	}
}

// Close ends the streams, which would hold up a shutdown. Of no board it does nothing.
func (b *Board) Close() {
	if b == nil {
		return
	}
	b.live.mu.Lock()
	b.live.closed = true
	b.live.mu.Unlock()
	b.live.tell()
}

// stream answers GET /board/live with Server-Sent Events: one for each change.
func (b *Board) stream(w http.ResponseWriter, r *http.Request) {
	one := model.Limit(1)
	if _, err := got(b.as(r, credential(r)).ListPrincipalsWithResponse(r.Context(), &model.ListPrincipalsParams{Limit: &one})); err != nil {
		http.Error(w, b.says(err), statusOf(err))
		return
	}
	changed := b.live.join()
	defer b.live.leave()
	if changed == nil { // a browser asks again later, maybe another replica
		http.Error(w, "The server goes.", http.StatusServiceUnavailable)
		return
	}
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	_ = out.SetReadDeadline(time.Time{}) // a request without a body: nothing is read
	end := time.NewTimer(streamLasts)
	defer end.Stop()
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for event := "retry: 1000\n: live\n\n"; ; { // the page looks by itself when it hears of this
		_ = out.SetWriteDeadline(time.Now().Add(2 * beatEvery)) // who reads nothing is left
		if _, err := fmt.Fprint(w, event); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-changed:
			if changed = b.live.next(); changed == nil { // before the event, or a change after it would be lost
				return
			}
			event = "data: changed\n\n"
		case <-beat.C:
			event = ": \n\n"
		case <-end.C:
			return
		case <-r.Context().Done():
			return
		}
	}
}
