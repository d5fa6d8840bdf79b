package app_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/sse"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// hearing is a stream that somebody listens to.
type hearing struct {
	*sse.Reader
	Header http.Header
	stop   func()
}

// unkept connections are closed with their answer, so that a stream that is left is closed at once.
var unkept = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// listen begins to listen: header is name, value, name, value.
func (w wire) listen(t *testing.T, path string, header ...string) *hearing {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+path, nil)
	require.NoError(t, err)
	if strings.HasPrefix(w.credential, identity.KeyPrefix) {
		r.Header.Set(w.Config.APIKeyHeader, w.credential)
	} else {
		r.Header.Set("Authorization", "Bearer "+w.credential)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := unkept.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	require.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
	require.Equal(t, "no", resp.Header.Get("X-Accel-Buffering"))
	return &hearing{sse.NewReader(resp.Body), resp.Header, stop}
}

// next is the next event, which is of a type.
func (h *hearing) next(t *testing.T, kind string) sse.Event {
	t.Helper()
	e, err := h.Next()
	require.NoError(t, err)
	require.Equal(t, kind, e.Type, e.Data)
	return e
}

// says reads an event's data, which has no member that it may not have.
func says[T any](t *testing.T, e sse.Event) (v T) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(e.Data))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&v), e.Data)
	return v
}

func (h *hearing) startup(t *testing.T) model.StartupSession {
	t.Helper()
	return says[model.StartupSession](t, h.next(t, "startup"))
}

func (h *hearing) notice(t *testing.T, kind string) model.StreamNotice {
	t.Helper()
	return says[model.StreamNotice](t, h.next(t, kind))
}

// until reads startups until one is as is wanted: the same may be told more than once.
func (h *hearing) until(t *testing.T, id uuid.UUID, is func(model.StartupSession) bool) model.StartupSession {
	t.Helper()
	for {
		if s := h.startup(t); s.StartupID == id && is(s) {
			return s
		}
	}
}

func isIn(status model.StartupStatus) func(model.StartupSession) bool {
	return func(s model.StartupSession) bool { return s.Status == status }
}

func adminWire(a *apptest.App) wire { return wire{a, apptest.AdminKey} }

// sample is a sample of the server's metrics.
func sample(t *testing.T, a *apptest.App, name string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(scrape(t, a)[name], 64)
	require.NoError(t, err, name)
	return n
}

// watchEtag is what the component is told at once by GET /v1/watch.
func watchEtag(t *testing.T, c *client.ClientWithResponses) string {
	t.Helper()
	return apptest.Got(c.WatchPacketWithResponse(t.Context(), &model.WatchPacketParams{ComponentKey: "c", Wait: new("1s")})).Is(t, 200).JSON200.PacketEtag
}
