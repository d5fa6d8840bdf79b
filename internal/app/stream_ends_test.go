package app_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/sse"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestAStreamEndsWithTheCredentialThatOpenedIt(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		admin := *apptest.Got(l.admin.CreatePrincipalWithResponse(t.Context(), nil, model.PrincipalCreate{PrincipalKey: "second", AuthSubject: "second", PrincipalType: "admin"})).Is(t, 201).JSON201
		revoked, kept := l.addKey(t, admin.ID), l.addKey(t, admin.ID)
		expires := *apptest.Got(l.admin.CreateAPIKeyWithResponse(t.Context(), nil, model.APIKeyCreate{PrincipalID: admin.ID.String(), Name: "e", ExpiresAt: nullable.NewNullableWithValue(time.Now().UTC().Truncate(time.Second).Add(5 * time.Second))})).Is(t, 201).JSON201
		stays := wire{a, kept.APIKey}.listen(t, streamPath)
		ends, expired := wire{a, revoked.APIKey}.listen(t, streamPath), wire{a, expires.APIKey}.listen(t, streamPath)
		watches := wire{a, l.key.APIKey}.listen(t, "/v1/watch?component_key=c")
		watches.next(t, "packet")
		apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), revoked.ID, nil)).Is(t, 204)
		apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), l.key.ID, nil)).Is(t, 204)
		for _, h := range []*hearing{ends, expired} {
			var e sse.Event
			for e.Type != "bye" {
				var err error
				e, err = h.Next()
				require.NoError(t, err)
			}
			require.Equal(t, "unauthorized", says[model.StreamNotice](t, e).Reason)
			_, err := h.Next()
			require.Equal(t, io.EOF, err)
		}
		require.Equal(t, "unauthorized", watches.notice(t, "bye").Reason)
		apptest.Got(l.admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), admin.ID.String(), nil, patch(`{"principal_type":"component"}`))).Is(t, 200)
		for {
			e, err := stays.Next()
			require.NoError(t, err)
			if e.Type == "bye" {
				require.Equal(t, "unauthorized", says[model.StreamNotice](t, e).Reason)
				return
			}
		}
	})
}

// What was missed may be much, and a listener in the middle of it when its key is revoked.
func TestWhoCatchesUpIsLetGoWithItsCredential(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		admin := *apptest.Got(l.admin.CreatePrincipalWithResponse(t.Context(), nil, model.PrincipalCreate{PrincipalKey: "second", AuthSubject: "second", PrincipalType: "admin"})).Is(t, 201).JSON201
		key := l.addKey(t, admin.ID)
		id := l.missing(t, 2500, `{"a":"`+strings.Repeat("x", 4000)+`"}`) // two pages, and more than lies in the buffers of a connection
		h := adminWire(a).listen(t, streamPath+"?types=world")
		conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "GET %s?types=startup HTTP/1.1\r\nHost: x\r\n%s: %s\r\nLast-Event-ID: %s\r\n\r\n", streamPath, a.Config.APIKeyHeader, key.APIKey, id)
		require.NoError(t, err)
		until(t, func() bool { return sample(t, a, "metagate_stream_listeners") == 2 })
		apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), key.ID, nil)).Is(t, 204)
		apptest.Got(l.admin.UpdateProfileWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), "key:"+l.profile.ProfileKey, nil, patch(`{"startup_sla_seconds":7}`))).Is(t, 200)
		for e, err := h.Next(); e.Type != "world"; e, err = h.Next() { // all who listen know of both
			require.NoError(t, err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		defer resp.Body.Close()
		events, n := sse.NewReader(resp.Body), 0
		for {
			e, err := events.Next()
			require.NoError(t, err)
			if n++; e.Type == "bye" {
				require.Equal(t, "unauthorized", says[model.StreamNotice](t, e).Reason)
				require.Less(t, n, 2500)
				return
			}
		}
	})
}

func TestASlowReaderIsDroppedAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4096))
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n%s: %s\r\n\r\n", streamPath, a.Config.APIKeyHeader, apptest.AdminKey)
		require.NoError(t, err)
		until(t, func() bool { return sample(t, a, "metagate_stream_listeners") == 1 })
		good := adminWire(a).listen(t, streamPath+"?types=startup")
		big := json.RawMessage(`"` + strings.Repeat("x", 60_000) + `"`)
		for sample(t, a, "metagate_stream_dropped_total") == 0 {
			id := l.start(t, "c").Startup.StartupID
			apptest.Got(l.component.ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: id, BuildVersion: "1", Health: big})).Is(t, 200)
			good.until(t, id, isIn(model.StartupStatusREADY))
		}
		require.InDelta(t, 1, sample(t, a, "metagate_stream_dropped_total"), 0)
		until(t, func() bool { return sample(t, a, "metagate_stream_listeners") == 1 })
		good.until(t, l.start(t, "c").Startup.StartupID, isIn(model.StartupStatusOPEN))
	})
}

func TestStreamsEndWithTheServerWithinItsTime(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		var all []*hearing
		for range 20 {
			all = append(all, adminWire(a).listen(t, streamPath+"?types=startup"), wire{a, l.key.APIKey}.listen(t, "/v1/watch?component_key=c&etag="+watchEtag(t, l.component)))
		}
		poll, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL+"/v1/watch?component_key=c&wait=300s&etag="+watchEtag(t, l.component), http.NoBody)
		require.NoError(t, err)
		poll.Header.Set("X-API-Key", l.key.APIKey)
		polled := make(chan int, 1)
		go func() {
			defer close(polled)
			if resp, err := http.DefaultClient.Do(poll); err == nil {
				_ = resp.Body.Close()
				polled <- resp.StatusCode
			}
		}()
		until(t, func() bool { return sample(t, a, "metagate_stream_watchers") == 21 })
		require.NoError(t, a.Close()) // an error says that requests were cut off (SHUTDOWN_SECONDS)
		for _, h := range all {
			require.Equal(t, "shutdown", h.notice(t, "bye").Reason)
			require.GreaterOrEqual(t, h.Retry, 500*time.Millisecond)
			_, err := h.Next()
			require.Equal(t, io.EOF, err)
		}
		require.Equal(t, 304, <-polled)
	}, func(c *app.Config) { c.ShutdownSeconds = 10 })
}

func TestOnlySoManyMayListen(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, w := newLab(t, a), adminWire(a)
		first, _ := w.listen(t, streamPath), w.listen(t, streamPath)
		require.Contains(t, w.send(t, "GET", streamPath, "").refused(t, 503, "UNAVAILABLE").Detail, "half of all (STREAM_LISTENERS)")
		admin := *apptest.Got(l.admin.CreatePrincipalWithResponse(t.Context(), nil, model.PrincipalCreate{PrincipalKey: "second", AuthSubject: "second", PrincipalType: "admin"})).Is(t, 201).JSON201
		second := wire{a, l.addKey(t, admin.ID).APIKey}
		second.listen(t, streamPath)
		second.listen(t, streamPath)
		admin = *apptest.Got(l.admin.CreatePrincipalWithResponse(t.Context(), nil, model.PrincipalCreate{PrincipalKey: "third", AuthSubject: "third", PrincipalType: "admin"})).Is(t, 201).JSON201
		third := wire{a, l.addKey(t, admin.ID).APIKey}
		require.Contains(t, third.send(t, "GET", streamPath, "").refused(t, 503, "UNAVAILABLE").Detail, "4 listen already")
		first.stop()
		until(t, func() bool { return sample(t, a, "metagate_stream_listeners") == 3 })
		third.listen(t, streamPath)
	}, func(c *app.Config) { c.StreamListeners = 4 })
}
