package app_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/ledger"
	"github.com/legivellum/metagate/internal/test/testdb"
)

const soon = 30 * time.Second // at most

// mirrored runs f on both engines, each time with a ledger of its own.
func mirrored(t *testing.T, f func(t *testing.T, l *lab, gate *ledger.Ledger), edit ...func(*app.Config)) {
	t.Helper()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		gate := ledger.Start(t)
		gate.Token = "the ledger's token"
		f(t, newLab(t, apptest.Start(t, url, append(edit, tells(gate))...)), gate)
	})
}

func tells(gate *ledger.Ledger) func(*app.Config) {
	return func(c *app.Config) { c.Endpoint, c.AuthToken = gate.URL, gate.Token }
}

// becomes waits until the startup's mirror_status is one.
func (l *lab) becomes(t *testing.T, id uuid.UUID, want model.MirrorStatus) model.StartupSession {
	t.Helper()
	var s model.StartupSession
	require.Eventually(t, func() bool {
		s = l.get(t, id)
		return s.MirrorStatus == want
	}, soon, 20*time.Millisecond, want)
	return s
}

func (l *lab) sink(t *testing.T) model.Sink {
	t.Helper()
	for _, s := range *apptest.Got(l.admin.ListSinksWithResponse(t.Context())).Is(t, 200).JSON200 {
		return s
	}
	return model.Sink{} // it joins beside the start
}

// phases are what the ledger knows of a startup, in this order.
func phases(gate *ledger.Ledger, id uuid.UUID) (out []string) {
	for _, r := range gate.Receipts() {
		if r["task_id"] == "startup-"+id.String() {
			out = append(out, fmt.Sprint(r["phase"], " ", r["status"]))
		}
	}
	return out
}

func TestTheLedgerIsToldOfEveryStartup(t *testing.T) {
	t.Parallel()
	mirrored(t, func(t *testing.T, l *lab, gate *ledger.Ledger) {
		open, up, down := l.start(t, "open").Startup, l.start(t, "up").Startup, l.start(t, "down").Startup
		l.becomes(t, up.StartupID, model.MirrorStatusMirrored)
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(up.StartupID))).Is(t, 200)
		apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(down.StartupID))).Is(t, 200)
		quick := l.start(t, "quick").Startup // both at once
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: quick.StartupID})).Is(t, 200)
		for _, id := range []uuid.UUID{open.StartupID, up.StartupID, down.StartupID, quick.StartupID} {
			l.becomes(t, id, model.MirrorStatusMirrored)
		}
		require.Equal(t, []string{"accepted NA"}, phases(gate, open.StartupID))
		require.Equal(t, []string{"accepted NA", "complete success"}, phases(gate, up.StartupID))
		require.Equal(t, []string{"accepted NA", "complete failure"}, phases(gate, down.StartupID))
		require.Equal(t, []string{"accepted NA", "complete success"}, phases(gate, quick.StartupID))

		s := l.sink(t)
		require.Equal(t, model.SinkStateOk, s.State)
		require.EqualValues(t, 7, s.Delivered)
		require.Zero(t, s.Pending+s.Refused)
		require.Zero(t, gate.Replays(), "nothing is told twice without need")
	})
}

// An outage of an hour is one of a few seconds, with as many startups.
func TestALedgerThatSinksFileNamesIsTold(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		gate := ledger.Start(t)
		gate.Token = "the ledger's token"
		path := filepath.Join(t.TempDir(), "sinks.yaml")
		text := fmt.Sprintf("sinks: [{name: receiptgate, kind: receiptgate, url: %q, token: %q}]", gate.URL, gate.Token)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		l := newLab(t, apptest.Start(t, url, func(c *app.Config) { c.SinksFile = path }))
		up := l.start(t, "up").Startup
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(up.StartupID))).Is(t, 200)
		l.becomes(t, up.StartupID, model.MirrorStatusMirrored)
		require.Len(t, phases(gate, up.StartupID), 2, "accepted, and complete")
		require.Equal(t, "receiptgate", l.sink(t).Name)
	})
}

func TestNothingIsLostWhileTheLedgerIsDown(t *testing.T) {
	t.Parallel()
	mirrored(t, func(t *testing.T, l *lab, gate *ledger.Ledger) {
		gate.Answer(http.StatusServiceUnavailable)
		var all []uuid.UUID
		for n := range 700 { // more than a page
			id := l.start(t, fmt.Sprint("c", n)).Startup.StartupID
			if all = append(all, id); n%3 == 0 {
				apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(id))).Is(t, 200)
			}
		}
		require.Eventually(t, func() bool { return l.sink(t).State == model.SinkStateFailing }, soon, 20*time.Millisecond)
		s := l.sink(t)
		require.Contains(t, s.LastError.MustGet(), "503")
		require.EqualValues(t, len(all), s.Pending)
		require.Equal(t, model.MirrorStatusPending, l.get(t, all[0]).MirrorStatus)
		require.NotEqual(t, "0", scrape(t, l.App)["metagate_mirror_lag_seconds"])

		gate.Answer(0)
		for n, id := range all {
			l.becomes(t, id, model.MirrorStatusMirrored)
			want := []string{"accepted NA"}
			if n%3 == 0 {
				want = append(want, "complete success")
			}
			require.Equal(t, want, phases(gate, id))
		}
		require.Eventually(t, func() bool { return l.sink(t).Pending == 0 }, soon, 20*time.Millisecond)
		require.Equal(t, model.SinkStateOk, l.sink(t).State)
		require.EqualValues(t, len(gate.Receipts()), l.sink(t).Delivered)
		require.Equal(t, fmt.Sprint(len(gate.Receipts())), scrape(t, l.App)["metagate_mirror_receipts_delivered_total"])
	})
}

func TestALedgerThatHangsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	mirrored(t, func(t *testing.T, l *lab, gate *ledger.Ledger) {
		gate.Hang(true)
		first := l.start(t, "first").Startup.StartupID
		require.Eventually(t, func() bool { return gate.Asked() > 0 }, soon, 10*time.Millisecond)
		for n := range 50 {
			id := l.start(t, fmt.Sprint("c", n)).Startup.StartupID
			apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(id))).Is(t, 200)
		}
		require.Equal(t, model.MirrorStatusPending, l.get(t, first).MirrorStatus)
		require.Empty(t, gate.Receipts())
		require.NoError(t, l.Close(), "and the server ends in time")
	})
}

func TestWhatTheLedgerRefusesForGoodIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	mirrored(t, func(t *testing.T, l *lab, gate *ledger.Ledger) {
		gate.Refuse(func(r map[string]any) string {
			if strings.Contains(fmt.Sprint(r["recipient_ai"]), "bad") {
				return "IDENTITY_MISMATCH"
			}
			return ""
		})
		bad, good := l.start(t, "bad").Startup.StartupID, l.start(t, "good").Startup.StartupID
		require.Contains(t, l.becomes(t, bad, model.MirrorStatusRefused).MirrorError.MustGet(), "IDENTITY_MISMATCH")
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(bad))).Is(t, 200)
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(good))).Is(t, 200)
		require.Eventually(t, func() bool { return len(phases(gate, good)) == 2 && l.sink(t).Pending == 0 }, soon, 20*time.Millisecond)
		require.Equal(t, model.MirrorStatusRefused, l.get(t, bad).MirrorStatus)
		require.EqualValues(t, 3, gate.Asked(), "one of the bad one, two of the good one")
		require.EqualValues(t, 1, l.sink(t).Refused)
		require.Equal(t, model.SinkStateOk, l.sink(t).State)
	})
}

func TestATokenThatTheLedgerDoesNotKnowLosesNothing(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		gate := ledger.Start(t)
		gate.Token = "another"
		wrong := newLab(t, apptest.Start(t, url, func(c *app.Config) { c.Endpoint, c.AuthToken = gate.URL+"/mcp/", "wrong" }))
		id := wrong.start(t, "c").Startup.StartupID
		require.Eventually(t, func() bool {
			said, err := wrong.sink(t).LastError.Get()
			return err == nil && strings.Contains(said, "RECEIPTGATE_AUTH_TOKEN")
		}, soon, 20*time.Millisecond)
		require.NoError(t, wrong.Close())

		right := apptest.Start(t, url, tells(gate))
		l := *wrong
		l.App, l.admin, l.component = right, right.AdminClient(t), right.Client(t, wrong.key.APIKey)
		l.becomes(t, id, model.MirrorStatusMirrored)
		require.Equal(t, []string{"accepted NA"}, phases(gate, id))
	})
}
