package cli

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
)

// dev starts metagate dev and reads what it prints.
func dev(t *testing.T, file string, env ...string) (p *process, printed string) {
	t.Helper()
	p = start(t, env, "dev", "--port=0", "--file="+file)
	const last = "Ctrl-C stops the server"
	require.Eventually(t, func() bool { return strings.Contains(p.printed(t), last) }, time.Minute, 5*time.Millisecond)
	return p, p.printed(t)
}

// toPaste is what dev wants to be pasted: all from the first export to the
// address of Swagger UI.
func toPaste(t *testing.T, printed string) string {
	t.Helper()
	from, to := strings.Index(printed, "export METAGATE_URL="), strings.Index(printed, "Swagger UI: ")
	require.True(t, 0 < from && from < to, printed)
	return printed[from:to]
}

// paste runs lines in bash, which stops at the first that fails: curl fails on
// the statuses of errors too. It returns the output, line by line.
func paste(t *testing.T, lines string) []string {
	t.Helper()
	bash := exec.CommandContext(t.Context(), "bash", "-e", "-u", "-o", "pipefail")
	bash.Stdin = strings.NewReader("curl() { command curl --fail-with-body \"$@\"; }\n" + lines)
	out, err := bash.Output()
	require.NoError(t, err, "%s\n%s", lines, out)
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func exported(t *testing.T, printed, name string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^export ` + name + `=(\S+)$`).FindStringSubmatch(printed)
	require.NotNil(t, m, name)
	return m[1]
}

func TestEveryLineThatDevPrintsWorksWhenPasted(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{
		"out of the box": nil,
		"whatever else the environment says": {
			"API_KEY_HEADER=X-My-Key", "AUTO_MIGRATE=false", "JWT_SECRET=short", "JWT_ALGORITHM=RS256", "JWT_ISSUER=me",
			"DATABASE_URL=postgres://nowhere", "PORT=1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, printed := dev(t, filepath.Join(t.TempDir(), "dev.db"), env...)
			require.Contains(t, printed, "Swagger UI: "+p.url+"/docs/ ")
			require.Contains(t, printed, "The board: "+p.url+"/board/ ")
			out := paste(t, toPaste(t, printed))
			require.Len(t, out, 3, "a packet, an acknowledgement, a list")
			var packet model.WelcomePacket
			require.NoError(t, json.Unmarshal([]byte(out[0]), &packet))
			require.Equal(t, "memorygate_main", packet.ComponentKey)
			var ack model.StartupAck
			require.NoError(t, json.Unmarshal([]byte(out[1]), &ack))
			require.Equal(t, model.StartupStatusREADY, ack.Status)
			var startups []model.StartupSession
			require.NoError(t, json.Unmarshal([]byte(out[2]), &startups))
			require.Len(t, startups, 2)
			require.Equal(t, ack.StartupID, startups[0].StartupID)
			require.Equal(t, packet.Startup.StartupID, startups[1].StartupID)
			require.Equal(t, model.StartupStatusOPEN, startups[1].Status)
		})
	}
}

func TestEachCurlLineOfDevNeedsNothingButTheExports(t *testing.T) {
	t.Parallel()
	_, printed := dev(t, filepath.Join(t.TempDir(), "dev.db"))
	blocks := strings.Split(strings.TrimSpace(toPaste(t, printed)), "\n\n")
	exports, curls := blocks[0], 0
	for _, block := range blocks[1:] {
		if strings.Contains(block, "$STARTUP_ID") { // that of the block before
			block = blocks[curls] + "\n" + block
		}
		paste(t, exports+"\n"+block)
		curls++
	}
	require.Equal(t, 4, curls)
	require.Equal(t, 4, strings.Count(printed, "curl "), "every curl line was run")
}

func TestDevStartsOnTheSameWorldAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "dev.db")
	p, first := dev(t, file)
	paste(t, toPaste(t, first))
	before := startups(t, p, exported(t, first, "METAGATE_ADMIN_KEY"))
	require.Len(t, before, 2)
	code, log := p.stop(t, os.Interrupt)
	require.Zero(t, code, log)

	p, second := dev(t, file)
	require.Equal(t, before, startups(t, p, exported(t, second, "METAGATE_ADMIN_KEY")))
	for _, name := range []string{"METAGATE_KEY", "METAGATE_ADMIN_KEY", "METAGATE_API_KEY"} {
		require.Equal(t, exported(t, first, name), exported(t, second, name), "what was exported goes on working")
	}
	require.Equal(t, 200, bootstrap(t, p, exported(t, first, "METAGATE_JWT")), "a token of the run before")
	paste(t, toPaste(t, second))
	require.Len(t, startups(t, p, exported(t, second, "METAGATE_ADMIN_KEY")), 5)
	code, log = p.stop(t, os.Interrupt)
	require.Zero(t, code, log)

	p, third := dev(t, file, "METAGATE_NEW_KEYS=true")
	require.Equal(t, 200, bootstrap(t, p, exported(t, third, "METAGATE_KEY")))
	for _, name := range []string{"METAGATE_KEY", "METAGATE_ADMIN_KEY", "METAGATE_JWT"} {
		require.Equal(t, 401, bootstrap(t, p, exported(t, second, name)), name)
	}
}

func TestDevKeepsItsKeysToItselfAndReplacesThoseThatNoLongerWork(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "dev.db")
	kept := strings.TrimSuffix(file, ".db") + ".json"
	require.NoError(t, os.WriteFile(kept, []byte("{"), 0o644))
	r := metagate(t, nil, "dev", "--port=0", "--file="+file)
	require.Equal(t, 1, r.code)
	require.Contains(t, oneLine(t, withoutRecords(r.log)), kept)
	require.NoFileExists(t, file)

	require.NoError(t, os.WriteFile(kept, []byte(`{"api_key": "mgk_of-another-world-0123456789-0123456789-01234", "jwt_secret": "short"}`), 0o644))
	p, printed := dev(t, file)
	info, err := os.Stat(kept)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	paste(t, toPaste(t, printed))

	admin := exported(t, printed, "METAGATE_ADMIN_KEY")
	r = metagate(t, []string{"METAGATE_URL=" + p.url, "METAGATE_API_KEY=" + admin}, "keys", "rotate", "test-component-001", "--revoke-old")
	require.Zero(t, r.code, r.log)
	code, log := p.stop(t, os.Interrupt)
	require.Zero(t, code, log)
	p, again := dev(t, file)
	require.Equal(t, admin, exported(t, again, "METAGATE_ADMIN_KEY"))
	require.NotEqual(t, exported(t, printed, "METAGATE_KEY"), exported(t, again, "METAGATE_KEY"))
	require.Equal(t, 200, bootstrap(t, p, exported(t, again, "METAGATE_KEY")))
}

func TestTheCommandLineWorksWithWhatDevExports(t *testing.T) {
	t.Parallel()
	_, printed := dev(t, filepath.Join(t.TempDir(), "dev.db"))
	require.Contains(t, printed, ": go run ./cmd/metagate startups\n")
	exports, _, _ := strings.Cut(toPaste(t, printed), "\n\n")
	require.Empty(t, shell(t, "bash", "set -eu\n"+exports+"\nmetagate startups 2>/dev/null"))
}

func startups(t *testing.T, p *process, credential string) []model.StartupSession {
	t.Helper()
	r, err := p.client(t, credential).ListStartupsWithResponse(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, 200, r.StatusCode(), string(r.Body))
	return *r.JSON200
}
