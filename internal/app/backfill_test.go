package app_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func backfill(t *testing.T, c *client.ClientWithResponses, starts ...model.OfflineStartup) []model.BackfillResult {
	t.Helper()
	return apptest.Got(c.BackfillStartupsWithResponse(t.Context(), model.Backfill{Startups: starts})).Is(t, 200).JSON200.Results
}

// offline is a start of component c an hour ago.
func offline(etag string) model.OfflineStartup {
	began := time.Now().Add(-time.Hour)
	return model.OfflineStartup{StartupID: store.NewID(began), ComponentKey: "c", PacketEtag: etag, OpenedAt: began}
}

func TestAStartThatIsToldOfAfterwardsIsRefusedWhereItCannotHaveBeen(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, other := newLab(t, a), newLab(t, a)
		etag, theirs := l.start(t, "c").PacketEtag, other.start(t, "c").PacketEtag
		before := startups(t, a)
		id := func(at time.Time) func(*model.OfflineStartup) {
			return func(o *model.OfflineStartup) { o.StartupID = store.NewID(at) }
		}
		var starts []model.OfflineStartup
		var want []string
		for _, c := range []struct {
			edit func(*model.OfflineStartup)
			code string
		}{
			{func(o *model.OfflineStartup) { o.StartupID = uuid.New() }, "INVALID_REQUEST"},
			{func(o *model.OfflineStartup) { o.StartupID = uuid.Max }, "INVALID_REQUEST"},
			{id(time.Now().Add(-8 * 24 * time.Hour)), "INVALID_REQUEST"},
			{id(time.Now().Add(10 * time.Minute)), "INVALID_REQUEST"},
			{func(o *model.OfflineStartup) { o.PacketEtag = theirs }, "INVALID_REFERENCE"},
			{func(o *model.OfflineStartup) { o.PacketEtag = "none" }, "INVALID_REFERENCE"},
			{func(o *model.OfflineStartup) { o.ComponentKey = "d" }, "INVALID_REFERENCE"},
		} {
			o := offline(etag)
			c.edit(&o)
			starts, want = append(starts, o), append(want, c.code)
		}
		starts, want = append(starts, offline(etag)), append(want, "")
		results := backfill(t, l.component, starts...)
		for i, r := range results {
			require.Equal(t, starts[i].StartupID, r.StartupID)
			require.Equal(t, want[i], r.Code, "%d: %s", i, r.Detail)
			require.Equal(t, want[i] != "", r.Result == model.BackfillResultResultRefused)
		}
		require.Len(t, startups(t, a), len(before)+1, "and the others are none the worse")

		big := offline(etag)
		for range 100 {
			starts = append(starts, big)
		}
		apptest.Got(l.component.BackfillStartupsWithResponse(t.Context(), model.Backfill{Startups: starts})).Fails(t, 400, "INVALID_REQUEST")
		apptest.Got(a.Client(t, "").BackfillStartupsWithResponse(t.Context(), model.Backfill{Startups: starts[:1]})).Fails(t, 401, "UNAUTHENTICATED")
		require.Equal(t, "IDEMPOTENCY_KEY_REUSED", backfill(t, other.component, func() model.OfflineStartup {
			o := offline(theirs)
			o.StartupID = starts[len(want)-1].StartupID
			return o
		}())[0].Code)
	})
}

// A time whose offset leads out of the years 1 to 9999 can't be said by JSON, nor read again
// by an engine: in one receipt it would be in the way of all lists, and of the stream.
func TestATimeThatNobodyCouldReadAgainIsRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		etag := l.start(t, "c").PacketEtag
		w := wire{a, l.key.APIKey}
		for at, ok := range map[string]bool{
			"0000-01-01T00:00:00+14:00": false, "0000-06-01T00:00:00Z": false, "9999-12-31T23:00:00-02:00": false,
			"0001-01-01T00:00:00Z": true, "9999-12-31T23:59:59Z": true,
		} {
			got := w.send(t, "POST", "/v1/startup/backfill", fmt.Sprintf(`{"startups":[{"startup_id":%q,"component_key":"c","packet_etag":%q,"opened_at":%q}]}`, store.NewID(time.Now()), etag, at))
			if !ok {
				require.Equal(t, []string{"/startups/0/opened_at"}, pointersOf(got.refused(t, 400, "INVALID_REQUEST")), at)
				continue
			}
			require.Contains(t, got.Body, `"recorded"`, at)
		}
		require.Len(t, startups(t, a), 3)
		for _, s := range startups(t, a) {
			got := apptest.Got(l.admin.GetStartupWithResponse(t.Context(), s.StartupID)).Is(t, 200).JSON200
			require.Equal(t, s.ClaimedOpenedAt, got.ClaimedOpenedAt)
		}
		key := "/v1/admin/api-keys/" + l.key.ID.String()
		adminWire(a).send(t, "PATCH", key, `{"expires_at":"0000-01-01T00:00:00+14:00"}`).refused(t, 400, "INVALID_REQUEST")
	})
}

func TestAStartThatIsToldOfAfterwardsIsRecordedOnceWithItsClaimsApart(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		etag := l.start(t, "c").PacketEtag
		ready, failed, open := offline(etag), offline(etag), offline(etag)
		end := ready.OpenedAt.Add(3 * time.Second)
		ready.InstanceID, ready.Host, ready.Labels = "pod-1", "node-1", json.RawMessage(`{"zone":"a"}`)
		ready.Status, ready.ClosedAt, ready.BuildVersion, ready.Health = model.StartupStatusREADY, &end, "1.2", json.RawMessage(`{"listening":true}`)
		failed.Status, failed.ClosedAt, failed.Error, failed.Details = model.StartupStatusFAILED, &end, "no", json.RawMessage(`1`)
		apptest.Got(l.admin.UpdateManifestWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.manifest.ID.String(), nil,
			patch(`{"services":{"later":{}}}`))).Is(t, 200) // the packet of then is still one that it had
		began := time.Now().Add(-time.Millisecond)
		for i, result := range backfill(t, l.component, ready, failed, open) {
			require.Equal(t, model.BackfillResultResultRecorded, result.Result, i)
		}
		all := startups(t, a)
		require.Len(t, all, 4)
		got := all[ready.StartupID]
		require.Equal(t, []any{model.StartupStatusREADY, model.StartupSourceCache, etag, "1.2", "pod-1", "node-1", l.profile.ProfileKey, l.manifest.ManifestKey},
			[]any{got.Status, got.Source, got.PacketEtag, got.BuildVersion.MustGet(), got.InstanceID.MustGet(), got.Host.MustGet(), got.Profile, got.Manifest})
		require.JSONEq(t, `{"listening":true}`, string(got.Health.MustGet()))
		require.JSONEq(t, `{"zone":"a"}`, string(got.Labels.MustGet()))
		require.WithinDuration(t, ready.OpenedAt, got.ClaimedOpenedAt.MustGet(), time.Microsecond)
		require.WithinDuration(t, end, got.ClaimedClosedAt.MustGet(), time.Microsecond)
		require.True(t, got.OpenedAt.After(began))
		require.True(t, got.ReadyAt.MustGet().After(began))
		require.False(t, got.Late)
		require.Equal(t, []any{"no", "1"}, []any{all[failed.StartupID].Error.MustGet(), string(all[failed.StartupID].Details.MustGet())})
		require.Equal(t, model.StartupStatusOPEN, all[open.StartupID].Status)
		require.True(t, all[open.StartupID].ClaimedClosedAt.IsNull())
		live := got
		for id, s := range all {
			if id != ready.StartupID && s.Source == model.StartupSourceLive {
				live = s
			}
		}
		require.True(t, live.ClaimedOpenedAt.IsNull())

		for _, result := range backfill(t, l.component, ready, failed, open) {
			require.Equal(t, model.BackfillResultResultKnown, result.Result)
		}
		require.Equal(t, all, startups(t, a), "once")
		open.Status, open.ClosedAt, open.BuildVersion = model.StartupStatusREADY, &end, "1.3"
		require.Equal(t, model.BackfillResultResultClosed, backfill(t, l.component, open)[0].Result)
		require.Equal(t, "1.3", startups(t, a)[open.StartupID].BuildVersion.MustGet())
		ready.Status = model.StartupStatusFAILED
		require.Equal(t, "INVALID_STATE", backfill(t, l.component, ready)[0].Code)

		lost := l.start(t, "c") // whose report could not be sent
		late := offline(lost.PacketEtag)
		late.StartupID, late.Status, late.ClosedAt = lost.Startup.StartupID, model.StartupStatusREADY, &end
		require.Equal(t, model.BackfillResultResultClosed, backfill(t, l.component, late)[0].Result)
		closed := startups(t, a)[late.StartupID]
		require.Equal(t, []any{model.StartupStatusREADY, model.StartupSourceLive}, []any{closed.Status, closed.Source})
		require.WithinDuration(t, end, closed.ClaimedClosedAt.MustGet(), time.Microsecond)
	})
}
