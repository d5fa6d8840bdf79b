package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/storetest"
)

// asBuilt is a directory with bin/metagate, as make leaves it behind.
func asBuilt(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(dir+"/bin", 0o700))
	script := "#!/bin/sh\n" + beMetagate + "=1 exec '" + self + "' \"$@\"\n"
	require.NoError(t, os.WriteFile(dir+"/bin/metagate", []byte(script), 0o700))
	return dir
}

// comment is one that zsh, which reads a pasted # as a word, doesn't trip over.
var comment = regexp.MustCompile(`^# [\w ,:;.-]+\n$`)

// What is in bash on a page works when pasted in order, after the exports that dev
// prints, and when all of it is pasted again. What is not to be run there is sh.
func TestWhatIsToBePastedWorksTwice(t *testing.T) {
	t.Parallel()
	says := map[string][]string{
		"README.md":          {`"component_key":"worker_1"`, `"status":"READY"`, "worker_2", "packets that change: 1\n"},
		"docs/component.md":  {`"status":"READY"`},
		"docs/exec.md":       {"memorygate is at http://memorygate:8001/mcp", "exit status 124", "exit status 3"},
		"docs/mcp.md":        {`"followup":["metagate.startup_ready","metagate.startup_failed"]`},
		"docs/api.md":        {`"status":"READY"`, `{"memorygate":{"port":9001}}`, `"action":"delete"`},
		"docs/validators.md": {"the override is refused", "validators warn of: 1\n"},
		"docs/operations.md": {
			"indexer indexer_01 would get packet ", `"component_key":"indexer_01"`, `"ref_name":"/run/secrets/memorygate_jwt"`,
			`"max_memory_mb":8192`, // the override
			"  indexer_02  ", "owner=team-search",
			"would have got packet ", "memorygate-2:8001", "packets that change: 1\n",
		},
	}
	for name, text := range pages(t) {
		lines := strings.Join(blocks(text, "bash"), "")
		if name == "CONTRIBUTING.md" || lines == "" {
			require.NotContains(t, says, name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, printed := dev(t, filepath.Join(t.TempDir(), "dev.db"))
			exports, ofDev, _ := strings.Cut(toPaste(t, printed), "\n\n")
			if name == "docs/api.md" {
				require.Contains(t, lines, strings.TrimSpace(ofDev)+"\n", "the lines that dev prints")
			}
			require.NotEmpty(t, says[name])
			for line := range strings.Lines(lines) {
				require.True(t, !strings.Contains(line, "#") || comment.MatchString(line), line)
			}
			out := strings.Join(paste(t, exports+"\ncd "+asBuilt(t)+"\n"+lines+lines), "\n")
			for _, text := range says[name] {
				require.GreaterOrEqual(t, strings.Count(out, text), 2, text)
			}
		})
	}
}

func TestTheComponentInPythonStarts(t *testing.T) {
	t.Parallel()
	const python = "python3"
	if err := exec.CommandContext(t.Context(), python, "-c", "").Run(); err != nil {
		require.NotEqual(t, "true", os.Getenv("CI"), "no python3: CI has to have one")
		t.Skip("skipped: no python3")
	}
	_, printed := dev(t, filepath.Join(t.TempDir(), "dev.db"))
	cmd := exec.CommandContext(t.Context(), python, "-")
	cmd.Env = append(os.Environ(), "METAGATE_URL="+exported(t, printed, "METAGATE_URL"), "METAGATE_KEY="+exported(t, printed, "METAGATE_KEY"))
	cmd.Stdin = strings.NewReader(strings.Join(blocks(read(t, "docs/component.md"), "python"), ""))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "memorygate is at http://memorygate:8001/mcp\nacknowledged as READY\n", string(out))
}

// The README's first screen is what the program prints, but for ids and times.
func TestTheReadmesTerminalIsNoInvention(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", meshFile)
		admin := a.AdminClient(t)
		ready := func(id uuid.UUID, version string) {
			apptest.Got(admin.ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: id, BuildVersion: version})).Is(t, 200)
		}
		ready(starts(t, a, "receiptgate@mesh", "receiptgate"), "2.0.3")
		ready(starts(t, a, "memorygate@mesh", "memorygate"), "1.4.2")
		ready(starts(t, a, "workers@mesh", "worker_1"), "0.9.1")
		late := starts(t, a, "workers@mesh", "worker_2")
		failed := starts(t, a, "depotgate@mesh", "depotgate")
		apptest.Got(admin.ReportFailedWithResponse(t.Context(), model.FailedReport{StartupID: failed, Error: "port 8000 is taken"})).Is(t, 200)
		storetest.Behind(t, a.Config.DatabaseURL, "UPDATE startup_sessions SET deadline_at = opened_at WHERE id = '"+late.String()+"'")

		world := file(t, strings.Replace(textOf(t, meshFile), "http://memorygate:8001/mcp", "http://memorygate:9001/mcp", 1))
		shown := strings.Split(blocks(read(t, "README.md"), "text")[0], "$ metagate ")[1:]
		require.Len(t, shown, 2)
		for _, one := range shown {
			command, want, _ := strings.Cut(one, "\n")
			command, _, _ = strings.Cut(command, "#")
			args := strings.Fields(strings.Replace(command, "world.yaml", world, 1))
			require.Equal(t, withoutTimes(want), withoutTimes(ok(t, a, args...)))
		}
	})
}

var ofTheMoment = regexp.MustCompile(`\d{4}-\d\d-\d\dT\S+Z|[0-9a-f]{8}-[0-9a-f]{4}-\S{22}| +$|\b\d+(\.\d+)?(ms|[smhd])(\d+[smh])?\b`)

// aligned is the space between columns, as wide as what differs.
var aligned = regexp.MustCompile(` {2,}`)

// withoutTimes is text without what differs between two runs.
func withoutTimes(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = aligned.ReplaceAllString(ofTheMoment.ReplaceAllString(line, "…"), "  ")
	}
	return strings.Join(lines, "\n")
}

// examples/start has as files what docs/component.md shows.
func TestTheStartsOfThePageAreThoseOfExamples(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/component.md")
	require.Equal(t, []string{read(t, "examples/start/start.py")}, blocks(page, "python"))
	ask, _, found := strings.Cut(read(t, "examples/start/start.sh"), "\n}\n")
	require.True(t, found)
	require.Contains(t, page, strings.TrimPrefix(ask, "set -euo pipefail\n")+"\n}\n")
}
