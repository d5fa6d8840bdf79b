package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/sse"
)

var errNoStream = errors.New("the server has no stream")

// silence is how long a stream may say nothing: it sends a comment every 15 seconds.
const silence = 50 * time.Second

// follow shows what the stream tells until it ends: first what there is already, or
// what was missed since the one before.
func (w *watcher) follow(ctx context.Context) (pause time.Duration, reached bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	alive := time.AfterFunc(silence, cancel)
	defer alive.Stop()
	r, err := w.connect(ctx)
	if err != nil {
		return 0, false, err
	}
	defer r.Body.Close()
	if w.lastID == "" {
		if err := w.look(ctx); err != nil {
			return 0, false, err
		}
	}
	events := sse.NewReader(heard{r.Body, alive})
	told, stop := ahead(events)
	defer func() { cancel(); stop() }()
	for {
		some, err := w.some(told)
		if errors.Is(err, errReset) {
			err = w.look(ctx)
		}
		if err == nil && len(some) > 0 {
			err = w.show(some)
		}
		switch {
		case errors.Is(err, errBye):
			return max(w.cmd.Every, w.retry), true, nil
		case err != nil:
			return 0, true, err
		}
	}
}

// connect asks for the stream.
func (w *watcher) connect(ctx context.Context) (*http.Response, error) {
	c, p := w.cmd, &model.StreamParams{Types: &[]model.StreamType{model.StreamTypeStartup}}
	p.Status, p.PrincipalKey, p.ComponentKey = filter(model.StartupFilterStatus(c.Status)), filter(c.Principal), filter(c.Component)
	p.InstanceID, p.LastEventID = filter(c.Instance), filter(w.lastID)
	r, err := w.server.Stream(ctx, p)
	if err != nil {
		if _, known := errors.AsType[coded](err); known {
			return nil, err
		}
		return nil, w.server.unreached(err)
	}
	if r.StatusCode == http.StatusOK && media(r) == sse.MediaType {
		w.server.dated(r)
		return r, nil
	}
	defer r.Body.Close()
	if r.StatusCode == http.StatusNotFound {
		return nil, errNoStream
	}
	_, _, err = w.server.do(func() (*http.Response, error) { return r, nil })
	if err == nil {
		err = stranger(r)
	}
	return nil, err
}

// heard puts the end of silence off.
type heard struct {
	io.Reader
	alive *time.Timer
}

func (h heard) Read(b []byte) (int, error) {
	n, err := h.Reader.Read(b)
	if n > 0 {
		h.alive.Reset(silence)
	}
	return n, err
}

// tale is an event of the stream, or why there are no more.
type tale struct {
	sse.Event
	lastID string
	retry  time.Duration
	err    error
}

// ahead reads while what was read is shown.
func ahead(r *sse.Reader) (told <-chan tale, stop func()) {
	out, over := make(chan tale, 1000), make(chan struct{})
	go func() {
		defer close(out)
		for {
			e, err := r.Next()
			select {
			case out <- tale{e, r.LastID, r.Retry, err}:
			case <-over:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return out, func() { close(over) }
}

var (
	errBye   = errors.New("the server goes")
	errReset = errors.New("something was missed")
)

// some waits for startups that are to be shown, and takes all that there are by then.
func (w *watcher) some(told <-chan tale) (fresh []model.StartupSession, err error) {
	for t := range told {
		if t.err != nil {
			return fresh, w.server.unreached(fmt.Errorf("the stream has ended: %w", t.err))
		}
		w.lastID, w.retry = t.lastID, t.retry
		switch t.Type {
		case "bye":
			return fresh, errBye
		case "reset":
			return fresh, errReset
		case string(model.StreamTypeStartup):
			var r model.StartupSession
			if err := json.Unmarshal([]byte(t.Data), &r); err != nil {
				return fresh, err
			}
			if w.seen[r.StartupID] != state(r) && (w.since == nil || !r.OpenedAt.Before(*w.since)) {
				w.seen[r.StartupID] = state(r)
				fresh = append(fresh, r)
			}
		}
		if len(told) == 0 && len(fresh) > 0 {
			return fresh, nil
		}
	}
	return fresh, errBye
}
