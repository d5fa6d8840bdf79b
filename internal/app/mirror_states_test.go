package app_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/ledger"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestOneReplicaMirrorsAndAnotherGoesOn(t *testing.T) {
	t.Parallel()
	mirrored(t, func(t *testing.T, l *lab, gate *ledger.Ledger) {
		second := apptest.Start(t, l.Config.DatabaseURL, tells(gate))
		other := second.Client(t, l.key.APIKey)
		start := func(n int) uuid.UUID {
			c := l.component
			if n%2 == 0 {
				c = other
			}
			return apptest.Got(c.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Is(t, 200).JSON200.Startup.StartupID
		}
		var all []uuid.UUID
		for n := range 40 {
			all = append(all, start(n))
		}
		for _, id := range all {
			l.becomes(t, id, model.MirrorStatusMirrored)
		}
		require.Zero(t, gate.Replays(), "not both at once")
		require.NoError(t, l.Close())
		l.App, l.component = second, other
		last := start(0)
		l.becomes(t, last, model.MirrorStatusMirrored)
		require.Equal(t, []string{"accepted NA"}, phases(gate, last))
	})
}

func TestATransactionThatStaysOpenIsTold(t *testing.T) {
	t.Parallel()
	mirrored(t, func(t *testing.T, l *lab, gate *ledger.Ledger) {
		if strings.HasPrefix(l.Config.DatabaseURL, "sqlite:") {
			return // one writer: nobody comes after it
		}
		id := l.start(t, "held").Startup.StartupID
		l.becomes(t, id, model.MirrorStatusMirrored)
		release, done := make(chan struct{}), make(chan error)
		go func() {
			done <- l.Store.InTx(t.Context(), func(q store.Queries) error {
				err := q.RefuseStartup(t.Context(), store.RefuseStartupParams{ID: uuid.New()})
				<-release
				return err
			})
		}()
		require.Eventually(t, func() bool {
			said, err := l.sink(t).LastError.Get()
			return err == nil && strings.Contains(said, "transaction")
		}, soon, 20*time.Millisecond)
		later := l.start(t, "later").Startup.StartupID
		require.Equal(t, model.MirrorStatusPending, l.get(t, later).MirrorStatus)
		close(release)
		require.NoError(t, <-done)
		l.becomes(t, later, model.MirrorStatusMirrored)
	})
}

func TestRetentionKeepsWhatIsNotMirrored(t *testing.T) {
	t.Parallel()
	short := func(c *app.Config) { c.ReceiptRetentionHours = 1 }
	mirrored(t, func(t *testing.T, l *lab, gate *ledger.Ledger) {
		gate.Answer(http.StatusBadGateway)
		require.Eventually(t, func() bool { return l.sink(t).Name != "" }, soon, 20*time.Millisecond)
		past := l.principal.CreatedAt.Add(-48 * time.Hour)
		old := l.opened(t, store.OpenStartupParams{OpenedAt: past, DeadlineAt: past.Add(time.Minute)})
		again := func() { // retention sweeps at the start
			require.NoError(t, l.Close())
			l.App = apptest.Start(t, l.Config.DatabaseURL, short, tells(gate))
			l.admin, l.component = l.AdminClient(t), l.Client(t, l.key.APIKey)
		}
		again()
		require.Eventually(t, func() bool { return l.sink(t).State == model.SinkStateFailing }, soon, 20*time.Millisecond)
		l.becomes(t, old, model.MirrorStatusPending)
		gate.Answer(0)
		l.becomes(t, old, model.MirrorStatusMirrored)
		again()
		require.Eventually(t, func() bool {
			got, err := l.component.GetStartupWithResponse(t.Context(), old)
			return err == nil && got.StatusCode() == http.StatusNotFound
		}, soon, 20*time.Millisecond)
	}, short)
}

func TestWhatIsNotToBeMirroredIsOff(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		gate := ledger.Start(t)
		quiet := newLab(t, apptest.Start(t, url, tells(gate), func(c *app.Config) { c.EmitReceipts = false }))
		before := quiet.start(t, "before").Startup.StartupID
		require.Equal(t, model.MirrorStatusOff, quiet.get(t, before).MirrorStatus)
		require.Empty(t, *apptest.Got(quiet.admin.ListSinksWithResponse(t.Context())).Is(t, 200).JSON200)
		require.NoError(t, quiet.Close())

		loud := apptest.Start(t, url, tells(gate))
		l := *quiet
		l.App, l.admin, l.component = loud, loud.AdminClient(t), loud.Client(t, quiet.key.APIKey)
		require.Eventually(t, func() bool {
			return len(*apptest.Got(l.admin.ListSinksWithResponse(t.Context())).Is(t, 200).JSON200) == 1
		}, soon, 20*time.Millisecond)
		bench := apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c", Source: model.BootstrapRequestSourceBench})).Is(t, 200).JSON200
		after := l.start(t, "after").Startup.StartupID
		l.becomes(t, after, model.MirrorStatusMirrored)
		require.Equal(t, model.MirrorStatusOff, l.get(t, before).MirrorStatus)
		require.Equal(t, model.MirrorStatusOff, l.get(t, bench.Startup.StartupID).MirrorStatus)
		require.Len(t, gate.Receipts(), 1)

		// What began before the mirror and is reported now is told whole.
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(before))).Is(t, 200)
		l.becomes(t, before, model.MirrorStatusMirrored)
		require.Equal(t, []string{"accepted NA", "complete success"}, phases(gate, before))
	})
}

func TestAReceiptSaysWhatTheStartupDid(t *testing.T) {
	t.Parallel()
	mirrored(t, func(t *testing.T, l *lab, gate *ledger.Ledger) {
		id := l.start(t, "up").Startup.StartupID
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(id))).Is(t, 200)
		s := l.becomes(t, id, model.MirrorStatusMirrored)
		all := gate.Receipts()
		i := slices.IndexFunc(all, func(r map[string]any) bool { return r["phase"] == "complete" })
		require.Positive(t, i)
		first, last := all[i-1], all[i]
		var body map[string]any
		require.NoError(t, json.Unmarshal([]byte(last["task_body"].(string)), &body))
		require.Equal(t, last["inputs"], body)
		require.Equal(t, map[string]any{
			"startup_id": id.String(), "component_key": "up", "profile_key": s.Profile, "manifest_key": s.Manifest,
			"deployment_key": "default", "packet_etag": s.PacketEtag,
		}, body)
		require.Equal(t, first["receipt_id"], last["caused_by_receipt_id"])
		require.Equal(t, first["obligation_id"], last["obligation_id"])
		require.Equal(t, "startup_ready:1.2.3", last["outcome_text"])
		require.Equal(t, s.DeadlineAt.Format(time.RFC3339Nano), first["metadata"].(map[string]any)["custody_deadline"])
		require.Equal(t, s.ReadyAt.MustGet().Format(time.RFC3339Nano), last["completed_at"])
		require.Equal(t, map[string]any{"load": 1.10}, last["body"].(map[string]any)["ready_payload"].(map[string]any)["health"])
		require.Equal(t, []any{s.PrincipalKey, s.PrincipalKey, s.TenantKey, "metagate"},
			[]any{last["from_principal"], last["for_principal"], last["tenant_id"], last["source_system"]})
	})
}
