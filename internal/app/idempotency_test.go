package app_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func (l *lab) startWith(t *testing.T, c *client.ClientWithResponses, key, component string) apptest.Call[*client.BootstrapResult] {
	t.Helper()
	return apptest.Got(c.BootstrapWithResponse(t.Context(), &model.BootstrapParams{IdempotencyKey: &key}, model.BootstrapRequest{ComponentKey: component}))
}

func startups(t *testing.T, a *apptest.App) map[uuid.UUID]model.StartupSession {
	t.Helper()
	list, _ := adminList[model.StartupSession](t, a, "startups")
	out := map[uuid.UUID]model.StartupSession{}
	for _, s := range list {
		out[s.StartupID] = s
	}
	return out
}

func TestAnIdempotencyKeyIsRefusedToOthersAndAfterTheStart(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, other := newLab(t, a), newLab(t, a)
		key := store.NewID(time.Now())
		l.startWith(t, l.component, key.String(), "c").Is(t, 200)
		before := startups(t, a)
		l.startWith(t, l.component, key.String(), "d").Fails(t, 409, "IDEMPOTENCY_KEY_REUSED")
		l.startWith(t, other.component, key.String(), "c").Fails(t, 409, "IDEMPOTENCY_KEY_REUSED")
		require.Equal(t, before, startups(t, a))
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: key, BuildVersion: "1"})).Is(t, 200)
		l.startWith(t, l.component, key.String(), "c").Fails(t, 409, "IDEMPOTENCY_KEY_REUSED")
		require.Len(t, startups(t, a), 1)
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: key, BuildVersion: "1"})).Is(t, 200)
	})
}

func TestABootstrapWithTheSameIdempotencyKeyIsAnsweredWithTheFirstOnesPacket(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		key := store.NewID(time.Now())
		first := l.startWith(t, l.component, key.String(), "c").Is(t, 200)
		require.Equal(t, key, first.JSON200.Startup.StartupID)
		for _, form := range []string{key.String(), `"` + key.String() + `"`} {
			again := l.startWith(t, l.component, form, "c").Is(t, 200)
			require.Equal(t, string(first.Body), string(again.Body))
			require.Equal(t, first.HTTPResponse.Header["Metagate-Startup-Deadline"], again.HTTPResponse.Header["Metagate-Startup-Deadline"])
		}
		same := `"` + first.JSON200.PacketEtag + `"`
		text := key.String()
		known := apptest.Got(l.component.BootstrapWithResponse(t.Context(), &model.BootstrapParams{IdempotencyKey: &text, IfNoneMatch: &same},
			model.BootstrapRequest{ComponentKey: "c"})).Is(t, 304)
		require.Equal(t, key.String(), known.HTTPResponse.Header.Get("Metagate-Startup-Id"))
		require.Len(t, startups(t, a), 1)
	})
}

func TestAnIdempotencyKeyThatCannotBeAnIDIsNotUsed(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		keys := []string{
			"k", uuid.NewString(), uuid.Nil.String(), uuid.Max.String(), `"`, "",
			store.NewID(time.Now().Add(-10 * time.Minute)).String(), store.NewID(time.Now().Add(10 * time.Minute)).String(),
		}
		for _, key := range keys {
			require.NotEqual(t, key, l.startWith(t, l.component, key, "c").Is(t, 200).JSON200.Startup.StartupID.String())
			l.startWith(t, l.component, key, "c").Is(t, 200)
		}
		require.Len(t, startups(t, a), 2*len(keys))
	})
}

// What the first answer said is on record, and stays so.
func TestARepeatedBootstrapThatMeetsANewerPacketSupersedesTheFirst(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		key := store.NewID(time.Now())
		first := l.startWith(t, l.component, key.String(), "c").Is(t, 200).JSON200
		apptest.Got(l.admin.UpdateManifestWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.manifest.ID.String(), nil,
			patch(`{"services":{"gate":{"port":2}}}`))).Is(t, 200)
		second := l.startWith(t, l.component, key.String(), "c").Is(t, 200).JSON200
		require.NotEqual(t, key, second.Startup.StartupID)
		require.NotEqual(t, first.PacketEtag, second.PacketEtag)
		all := startups(t, a)
		require.Len(t, all, 2)
		require.Equal(t, first.PacketEtag, all[key].PacketEtag)
		require.Equal(t, second.Startup.StartupID, all[key].SupersededBy.MustGet())
		l.startWith(t, l.component, key.String(), "c").Fails(t, 409, "IDEMPOTENCY_KEY_REUSED")
	})
}

func TestManyWithTheSameIdempotencyKeyAtOnceOpenOneStartup(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		var all sync.WaitGroup
		answers := make([]string, 40)
		keys := []string{store.NewID(time.Now()).String(), store.NewID(time.Now()).String()}
		for i := range answers {
			all.Go(func() {
				c := l.component
				if r, err := c.BootstrapWithResponse(t.Context(), &model.BootstrapParams{IdempotencyKey: &keys[i%2]}, model.BootstrapRequest{ComponentKey: "c"}); err == nil {
					answers[i] = string(r.Body)
				} else {
					answers[i] = fmt.Sprint(err)
				}
			})
		}
		all.Wait()
		for i, answer := range answers {
			require.Equal(t, answers[i%2], answer)
		}
		require.Len(t, startups(t, a), 2)
	})
}
