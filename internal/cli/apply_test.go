package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

const meshFile = "../../examples/legivellum-mesh.yaml"

// remotely runs one command in this process, as an admin of a.
func remotely(ctx context.Context, a *apptest.App, args ...string) result {
	var out, log bytes.Buffer
	code := run(ctx, append(args, "--server="+a.URL+"/", "--api-key="+apptest.AdminKey), "dev", &out, &log)
	return result{code, out.String(), log.String()}
}

// ok runs a command that must succeed, without a word on stderr or a colour.
func ok(t *testing.T, a *apptest.App, args ...string) string {
	t.Helper()
	r := remotely(t.Context(), a, args...)
	require.Zero(t, r.code, "%q: %s", args, r.log)
	require.Empty(t, r.log)
	require.NotContains(t, r.out, "\x1b")
	return r.out
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "world.yaml")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func textOf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

func TestApplyShowsWhatItDoes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		foretold := ok(t, a, "apply", "-f", meshFile, "--dry-run")
		require.Contains(t, foretold, "+ manifest legivellum-mesh\n")
		require.Contains(t, foretold, "packets that change: 9\n")
		require.Regexp(t, `(?m)^  asyncgate \(asyncgate\)  none → [0-9a-f]{8}`, foretold)
		require.True(t, strings.HasSuffix(foretold, "\ndry run, nothing was changed: 25 to create, 0 to update, 0 to delete, 0 unchanged\n"), foretold)
		require.True(t, strings.HasSuffix(ok(t, a, "apply", "-f", meshFile), "\ndone: 25 created, 0 updated, 0 deleted, 0 unchanged\n"))
		require.Equal(t, "done: 0 created, 0 updated, 0 deleted, 25 unchanged\n", ok(t, a, "apply", "-f", meshFile))
		require.Equal(t, 26, strings.Count(ok(t, a, "apply", "-f", meshFile, "--all"), "\n"))

		edited := strings.NewReplacer("rate_limit_rps: 20,", "rate_limit_rps: 1.10, burst: 5,", "  - {principal: interview, ", "  # ").Replace(textOf(t, meshFile))
		want := "~ profile worker\n    + /policy/burst: 5\n    ~ /policy/rate_limit_rps: 20 → 1.10\n- binding interview → gate + legivellum-mesh\n"
		foretold = ok(t, a, "apply", "-f", file(t, edited), "--prune", "--dry-run")
		require.True(t, strings.HasPrefix(foretold, want), foretold)
		require.Regexp(t, `(?m)^  interview \(interview\)  [0-9a-f]{8} → none  $`, foretold)
		require.Regexp(t, `(?m)^  worker-pool \(worker_\)  [0-9a-f]{8} → [0-9a-f]{8}  policy$`, foretold)
		require.Equal(t, want+"done: 0 created, 1 updated, 1 deleted, 23 unchanged\n", ok(t, a, "apply", "-f", file(t, edited), "--prune"))
	})
}

func TestApplyTellsScriptsWhetherThereIsSomethingToDo(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		pending := remotely(t.Context(), a, "apply", "-f", meshFile, "--dry-run", "--exit-code")
		require.Equal(t, 4, pending.code)
		require.Contains(t, oneLine(t, pending.log), "pending")
		require.Contains(t, pending.out, "25 to create")
		ok(t, a, "apply", "-f", meshFile, "--exit-code")
		ok(t, a, "apply", "-f", meshFile, "--dry-run", "--exit-code")

		var plan model.Plan
		require.NoError(t, json.Unmarshal([]byte(ok(t, a, "apply", "-f", meshFile, "--output", "json")), &plan))
		require.Equal(t, model.PlanSummary{Unchanged: 25}, plan.Summary)
		pending = remotely(t.Context(), a, "apply", "-f", file(t, "{}"), "--prune", "--dry-run", "--exit-code", "--output=json")
		require.Equal(t, 4, pending.code)
		require.NoError(t, json.Unmarshal([]byte(pending.out), &plan))
		require.Equal(t, 25, plan.Summary.Delete)
	})
}

func TestApplyPrintsEveryPlaceThatIsWrong(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		r := remotely(t.Context(), a, "apply", "-f", file(t, "profiles: [{profile_key: p, policy: {jobs: 1}}]\nbindings: [{principal: x, profile: p, manifest: m}]\n"))
		require.Equal(t, 3, r.code)
		require.Empty(t, r.out)
		lines := strings.SplitAfter(r.log, "\n")
		require.Equal(t, []string{"/profiles/0/policy/jobs", "/bindings/0/principal", "/bindings/0/manifest"}, places(lines[:len(lines)-2]))
		require.Regexp(t, `^metagate: FORBIDDEN_KEYS: 3 places are wrong \(request \S+\)$`, oneLine(t, lines[len(lines)-2]))

		r = remotely(t.Context(), a, "apply", "-f", file(t, "a: [\n"))
		require.Equal(t, 3, r.code)
		require.Contains(t, oneLine(t, r.log), "line 1")
	})
}

func places(lines []string) (out []string) {
	for _, line := range lines {
		place, _, _ := strings.Cut(strings.TrimSpace(line), ": ")
		out = append(out, place)
	}
	return out
}

func TestApplyReadsStandardInputAndJSON(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		cmd := command(t, []string{"METAGATE_URL=" + a.URL, "METAGATE_API_KEY=" + apptest.AdminKey}, "apply", "-f", "-")
		cmd.Stdin = strings.NewReader(textOf(t, meshFile))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "25 created")
		world := ok(t, a, "export", "--output", "json")
		require.True(t, json.Valid([]byte(world)))
		require.Contains(t, ok(t, a, "apply", "--prune", "-f", file(t, " \n"+world)), "0 created, 0 updated, 0 deleted")
	})
}

func TestRemoteCommandsSayInOneLineWhatIsWrong(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, sqliteURL(t))
	for _, command := range [][]string{{"apply", "-f", meshFile}, {"export"}, {"explain", "p", "c"}, {"explain", "00000000-0000-7000-8000-000000000000", "c"}, {"startups"}, {"startups", "--watch"}, {"audit"}, {"get", "bindings"}, {"get", "profile", "p"}, {"keys", "list"}, {"keys", "issue", "p"}, {"keys", "rotate", "p"}} {
		for want, c := range map[string]struct {
			code int
			args []string
		}{
			"no API key":                     {2, []string{"--server=" + a.URL}},
			"METAGATE_URL":                   {1, []string{"--server=http://127.0.0.1:1", "--api-key=mgk_x"}},
			"UNAUTHENTICATED":                {3, []string{"--server=" + a.URL, "--api-key=mgk_x"}},
			"404":                            {3, []string{"--server=" + a.URL + "/docs", "--api-key=" + apptest.AdminKey}},
			`--output must be one of "text"`: {2, []string{"--output=xml"}},
		} {
			var out, log bytes.Buffer
			code := run(t.Context(), append(command, c.args...), "dev", &out, &log)
			require.Equal(t, c.code, code, "%q %q: %s", command, c.args, log.String())
			if line := oneLine(t, log.String()); want != "404" {
				require.Contains(t, line, want)
			}
			require.Empty(t, out.String())
		}
	}
	require.Equal(t, 2, remotely(t.Context(), a, "apply", "-f", "/does/not/exist").code)
	require.Equal(t, 2, remotely(t.Context(), a, "apply").code)
}
