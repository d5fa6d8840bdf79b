package cli

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/storetest"
)

// Each question of docs/questions.md has one command, whose answer is what the program
// prints, but for ids and times; … at the end of an answer is the rest of it.
func TestTheFourteenQuestionsAreAnsweredAsThePageSays(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/questions.md")
	shown := blocks(page, "text")
	require.Len(t, shown, 14)
	require.Equal(t, 14, strings.Count(page, "\n## "), "a heading for each")
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		day := meshWithAHistory(t, a)
		for _, one := range shown {
			command, want, _ := strings.Cut(strings.TrimPrefix(one, "$ metagate "), "\n")
			args := words(command)
			for i, arg := range args {
				switch arg {
				case "world.yaml":
					args[i] = day.world
				case "examples/legivellum-mesh.yaml":
					args[i] = meshFile
				case "2026-11-24T12:00:00Z":
					args[i] = day.tuesday.Format(time.RFC3339Nano)
				}
				if revision.MatchString(arg) {
					args[i] = day.revision
				}
			}
			r := remotely(t.Context(), a, args...)
			require.Contains(t, []int{0, 4}, r.code, "%s: %s", command, r.log)
			some, cut := strings.CutSuffix(want, "…\n")
			want, got := told(some), told(r.out)
			if cut {
				got = got[:min(len(got), len(want))]
			}
			require.Equal(t, want, got, command)
		}
	})
}

// revision is one: the microseconds since 1970 at which it was made.
var revision = regexp.MustCompile(`\b\d{16}\b`)

// told is an answer without what differs between two runs.
func told(text string) string {
	return withoutTimes(second.ReplaceAllString(revision.ReplaceAllString(text, "REVISION"), "WHEN"))
}

// second is a time as lists tell it.
var second = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ`)

// words are a command's, of which one in quotes may have spaces.
func words(command string) (out []string) {
	for i, part := range strings.Split(command, "'") {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// day is a day in the life of the mesh.
type day struct {
	world    string    // a file with a change to come
	tuesday  time.Time // when worker_1 had started, and the manifest was the first
	revision string    // of then
}

func meshWithAHistory(t *testing.T, a *apptest.App) (d day) {
	t.Helper()
	ready := func(id uuid.UUID, version string) {
		apptest.Got(a.AdminClient(t).ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: id, BuildVersion: version})).Is(t, 200)
	}
	ok(t, a, "apply", "-f", meshFile, "--reason", "the mesh")
	first := strings.TrimSpace(remotely(t.Context(), a, "keys", "issue", "memorygate", "--name", "first").out)
	ready(starts(t, a, "receiptgate@mesh", "receiptgate"), "2.0.3")
	ready(starts(t, a, "workers@mesh", "worker_1"), "0.9.1")
	ready(startsWith(t, a, first, "memorygate"), "1.4.2")
	startedBefore(t, a, 1, 1200*time.Millisecond)
	d.tuesday = store.Now().Add(time.Millisecond) // receipts are told apart by the millisecond

	var revisions []model.Revision
	require.NoError(t, json.Unmarshal([]byte(ok(t, a, "revisions", "--limit=1", "-o", "json")), &revisions))
	d.revision = fmt.Sprint(revisions[0].Revision)
	moved := strings.Replace(textOf(t, meshFile), "http://memorygate:8001/mcp", "http://memorygate:9001/mcp", 1)
	require.Eventually(t, func() bool { return time.Now().After(d.tuesday) }, time.Minute, time.Millisecond)
	ok(t, a, "apply", "-f", file(t, moved), "--reason", "memorygate listens on 9001")
	d.world = file(t, strings.Replace(moved, "rate_limit_rps: 20,", "rate_limit_rps: 10,", 1))
	startedBefore(t, a, 2, 1300*time.Millisecond)
	ready(starts(t, a, "delegate@mesh", "delegate"), "3.2.0")
	late := starts(t, a, "workers@mesh", "worker_2")
	require.Eventually(t, func() bool { // the roster is written beside the requests
		rows, err := a.Store.ListRoster(t.Context(), store.ListRosterParams{After: store.MinID, UpTo: store.MaxID})
		return err == nil && slices.ContainsFunc(rows, func(r store.Roster) bool { return r.StartupID == late })
	}, time.Minute, 5*time.Millisecond)
	storetest.Behind(t, a.Config.DatabaseURL, "UPDATE startup_sessions SET deadline_at = opened_at WHERE id = '"+late.String()+"'",
		"UPDATE roster SET deadline_at = opened_at WHERE startup_id = '"+late.String()+"'")
	failed := starts(t, a, "depotgate@mesh", "depotgate")
	apptest.Got(a.AdminClient(t).ReportFailedWithResponse(t.Context(), model.FailedReport{StartupID: failed, Error: "port 8000 is taken"})).Is(t, 200)

	second := strings.TrimSpace(remotely(t.Context(), a, "keys", "rotate", "memorygate").out)
	ready(startsWith(t, a, second, "memorygate"), "1.4.3")
	component := func(key string) model.BootstrapRequest { return model.BootstrapRequest{ComponentKey: key} }
	apptest.Got(a.Client(t, second).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "memorygate", PrincipalKey: "asyncgate"})).Fails(t, 409, "PRINCIPAL_MISMATCH")
	for range 3 {
		apptest.Got(a.Client(t, "mgk_of_a_mesh_that_was_before_this_one").BootstrapWithResponse(t.Context(), nil, component("worker_3"))).Fails(t, 401, "UNAUTHENTICATED")
	}
	storetest.Behind(t, a.Config.DatabaseURL, "UPDATE api_keys SET last_used_at = created_at WHERE name = 'first'") // which the server tells within a minute
	return d
}

// startsWith bootstraps with an API key.
func startsWith(t *testing.T, a *apptest.App, key, component string) uuid.UUID {
	t.Helper()
	return apptest.Got(a.Client(t, key).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: component})).Is(t, 200).JSON200.Startup.StartupID
}

// startedBefore puts 25 starts of delegate into the database, an hour ago, with the mesh's present
// packet, each of which was READY after the same time.
func startedBefore(t *testing.T, a *apptest.App, version int64, took time.Duration) {
	t.Helper()
	var told model.Explanation
	require.NoError(t, json.Unmarshal([]byte(ok(t, a, "explain", "delegate", "delegate", "-o", "json")), &told))
	at, err := a.Store.GetRevision(t.Context(), "default")
	require.NoError(t, err)
	who, err := a.Store.ListPrincipals(t.Context(), store.ListPrincipalsParams{PrincipalKey: new("delegate"), RowLimit: 1})
	require.NoError(t, err)
	for range 25 {
		opened := store.Now().Add(-time.Hour)
		id, closed := store.NewID(opened), opened.Add(took)
		require.NoError(t, a.Store.InTx(t.Context(), func(q store.Queries) error {
			if _, err := q.OpenStartup(t.Context(), store.OpenStartupParams{
				ID: id, TenantKey: "default", Epoch: at.Epoch, Source: "live", PrincipalID: who[0].ID, PrincipalKey: "delegate", ComponentKey: "delegate",
				ProfileKey: "gate", ManifestKey: "legivellum-mesh", ManifestVersion: version, PacketID: id, PacketEtag: told.PacketEtag,
				OpenedAt: opened, DeadlineAt: opened.Add(2 * time.Minute),
			}); err != nil {
				return err
			}
			_, err := q.ReportStartup(t.Context(), store.ReportStartupParams{
				ID: id, PrincipalID: who[0].ID, CallerTenant: "default", CallerEpoch: at.Epoch, Status: "READY", ReadyAt: &closed, BuildVersion: new(fmt.Sprintf("3.%d.0", version)),
			})
			return err
		}))
	}
}
