package app_test

import (
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

const watchPath = "/v1/watch?component_key=c"

// packet is the next etag that is told.
func (h *hearing) packet(t *testing.T) string {
	t.Helper()
	e := h.next(t, "packet")
	etag := says[model.WatchedPacket](t, e).PacketEtag
	require.Equal(t, etag, e.ID)
	return etag
}

// poll waits for another etag than one's own; closed when it is answered.
func poll(t *testing.T, c *client.ClientWithResponses, etag string) <-chan *client.WatchPacketResult {
	t.Helper()
	out := make(chan *client.WatchPacketResult, 1)
	go func() {
		got, err := c.WatchPacketWithResponse(t.Context(), &model.WatchPacketParams{ComponentKey: "c", Wait: new("300s"), Etag: &etag})
		if err == nil {
			out <- got
		}
		close(out)
	}()
	return out
}

func TestAWatchThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		w := wire{a, l.key.APIKey}
		for _, path := range []string{
			"/v1/watch", "/v1/watch?component_key=", "/v1/watch?component_key=%20", watchPath + "&wait=0s", watchPath + "&wait=301s", watchPath + "&wait=1m", watchPath + "&wait=-1s",
			watchPath + "&wait=30", watchPath + "&principal_key=%20",
		} {
			w.send(t, "GET", path, "").refused(t, 400, "INVALID_REQUEST")
		}
		w.send(t, "GET", watchPath+"&principal_key=another", "").refused(t, 409, "PRINCIPAL_MISMATCH")
		wire{a, l.addKey(t, l.addPrincipal(t).ID).APIKey}.send(t, "GET", watchPath, "").refused(t, 403, "NO_BINDING")
		apptest.Got(l.admin.UpdateProfileWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.profile.ID.String(), nil, patch(`{"capabilities":{"allowed_components":["d"]}}`))).Is(t, 200)
		w.send(t, "GET", watchPath, "").refused(t, 403, "COMPONENT_NOT_PERMITTED")
	})
}

func TestAWatchOpensNoStartup(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		etag := wire{a, l.key.APIKey}.listen(t, watchPath).packet(t)
		require.Equal(t, etag, watchEtag(t, l.component))
		require.Empty(t, *apptest.Got(l.admin.ListStartupsWithResponse(t.Context(), nil)).Is(t, 200).JSON200)
		require.Equal(t, "0", bootstraps(t, a)["OK"])
		require.Equal(t, l.start(t, "c").PacketEtag, etag)
	})
}

func TestAWatcherHearsOfItsPacketExactlyWhenItChanges(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		a := apptest.Start(t, url)
		l, other := newLab(t, a), newLab(t, a)
		writer := apptest.Start(t, url)
		l.admin = writer.AdminClient(t) // another replica's
		h, stranger := wire{a, l.key.APIKey}.listen(t, watchPath), wire{a, other.key.APIKey}.listen(t, watchPath)
		etag, theirs := h.packet(t), stranger.packet(t)
		polled := poll(t, l.component, etag)
		for _, text := range []string{`{"services":{"gate":{"port":2}}}`, `{"services":{"gate":{"port":2}}}`, `{"polling":{}}`, `{"services":{"gate":{"port":3}}}`} {
			l.services(t, text)
			now := l.start(t, "c").PacketEtag
			if now != etag {
				require.Equal(t, now, h.packet(t)) // the next that it hears is the present one: nothing else came between
				etag = now
			}
		}
		require.NotEmpty(t, (<-polled).JSON200.PacketEtag)
		apptest.Got(l.admin.UpdateBindingWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.binding.ID, nil, patch(`{"overrides":{"policy":{"rate":2}}}`))).Is(t, 200)
		require.Equal(t, l.start(t, "c").PacketEtag, h.packet(t))

		// Meanwhile the stranger has heard of nothing: what it hears next is its own.
		apptest.Got(l.admin.UpdateManifestWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), other.manifest.ID.String(), nil, patch(`{"services":{"gate":{"port":9}}}`))).Is(t, 200)
		require.Equal(t, other.start(t, "c").PacketEtag, stranger.packet(t))
		require.NotEqual(t, theirs, stranger.LastID)
	})
}

func TestAWatcherSaysWhatItHas(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		w, etag := wire{a, l.key.APIKey}, l.start(t, "c").PacketEtag
		for _, header := range [][]string{{"If-None-Match", `"x", "` + etag + `"`}, {"Last-Event-ID", etag}} {
			got := w.send(t, "GET", watchPath+"&wait=1s", "", header...)
			require.Equal(t, http.StatusNotModified, got.Status)
			require.Equal(t, `"`+etag+`"`, got.Header.Get("ETag"))
		}
		got := w.send(t, "GET", watchPath+"&wait=1s&etag=another", "")
		require.Equal(t, 200, got.Status)
		require.Equal(t, etag, got.member(t, "packet_etag"))
		h := w.listen(t, watchPath, "Last-Event-ID", etag)
		l.services(t, `{"services":{"gate":{"port":2}}}`)
		require.Equal(t, l.start(t, "c").PacketEtag, h.packet(t))
	})
}

func TestAWatcherHearsThatItHasNoPacketAndThatItHasOneAgain(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		h := wire{a, l.key.APIKey}.listen(t, watchPath)
		etag := h.packet(t)
		polled := poll(t, l.component, etag)
		until(t, func() bool { return sample(t, a, "metagate_stream_watchers") == 2 })
		apptest.Got(l.admin.UpdateBindingWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.binding.ID, nil, patch(`{"active":false}`))).Is(t, 200)
		require.Equal(t, "NO_BINDING", h.notice(t, "refused").Reason)
		require.Equal(t, 403, (<-polled).StatusCode())
		apptest.Got(l.admin.UpdateBindingWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.binding.ID, nil, patch(`{"active":true}`))).Is(t, 200)
		require.Equal(t, etag, h.packet(t))
		apptest.Got(l.admin.DeletePrincipalWithResponse(t.Context(), l.principal.ID.String(), nil)).Is(t, 204)
		require.Equal(t, "unauthorized", h.notice(t, "bye").Reason)
		_, err := h.Next()
		require.Equal(t, io.EOF, err)
	})
}

func TestManyWatchersOfOneTenantAllHearOfAChange(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		const watchers = 200
		var all sync.WaitGroup
		told := make(chan uuid.UUID, watchers)
		etag := l.start(t, "c").PacketEtag
		for range watchers {
			all.Go(func() {
				got := <-poll(t, l.component, etag)
				if got != nil && got.JSON200 != nil && got.JSON200.PacketEtag != etag {
					told <- uuid.New()
				}
			})
		}
		until(t, func() bool { return sample(t, a, "metagate_stream_watchers") == watchers })
		l.services(t, `{"services":{"gate":{"port":2}}}`)
		all.Wait()
		require.Len(t, told, watchers)
		until(t, func() bool { return sample(t, a, "metagate_stream_watchers") == 0 })
	})
}
