package componentcli

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// beMetagate in its environment turns this test binary into metagate-component.
const beMetagate = "TEST_MAIN_IS_METAGATE_COMPONENT"

func TestMain(m *testing.M) {
	if os.Getenv(beMetagate) != "" {
		_ = os.Unsetenv(beMetagate) // what it starts is itself
		os.Exit(Main(os.Args[1:], "test"))
	}
	testdb.Main(m)
}

// lab is a server with one component, "web" of principal "p".
type lab struct {
	*apptest.App
	key string
}

func newLab(t *testing.T, a *apptest.App, refs ...model.SecretRefCreate) lab {
	t.Helper()
	world := apptest.World{}
	text := `{"principals": [{"principal_key": "p", "auth_subject": "p@mesh"}], "profiles": [{"profile_key": "f"}],
		"manifests": [{"manifest_key": "m", "services": {"memory.gate": {"port": 8001}, "memorygate": {"endpoint": "http://memorygate:8001/mcp", "limit": 1.10}, "none": null}}],
		"bindings": [{"principal": "p", "profile": "f", "manifest": "m"}]}`
	require.NoError(t, json.Unmarshal([]byte(text), &world.World))
	world.SecretRefs = refs
	return lab{a, world.Create(t, a).APIKeys["p"]}
}

// sqlite is a lab on a server of its own: what a component does is the same on both engines.
func sqlite(t *testing.T, refs ...model.SecretRefCreate) lab {
	t.Helper()
	return newLab(t, apptest.Start(t, testdb.SQLite(t)), refs...)
}

// env is what a component's environment says.
func (l lab) env(more ...string) []string {
	return append([]string{"METAGATE_URL=" + l.URL, "METAGATE_API_KEY=" + l.key, "METAGATE_COMPONENT=web"}, more...)
}

// startups are all startups, the newest first.
func (l lab) startups(t *testing.T) []model.StartupSession {
	t.Helper()
	return *apptest.Got(l.AdminClient(t).ListStartupsWithResponse(t.Context(), nil)).Is(t, 200).JSON200
}

// startup is the newest startup.
func (l lab) startup(t *testing.T) model.StartupSession {
	t.Helper()
	all := l.startups(t)
	require.NotEmpty(t, all)
	return all[0]
}

// becomes waits until the newest startup has a status.
func (l lab) becomes(t *testing.T, status model.StartupStatus) model.StartupSession {
	t.Helper()
	var s model.StartupSession
	until(t, func() bool {
		all := l.startups(t)
		if len(all) > 0 {
			s = all[0]
		}
		return s.Status == status
	}, "%s", status)
	return s
}

func (l lab) details(t *testing.T) map[string]any {
	t.Helper()
	s := l.startup(t)
	require.Equal(t, model.StartupStatusFAILED, s.Status)
	var d map[string]any
	require.NoError(t, json.Unmarshal(s.Details.MustGet(), &d))
	return d
}

// until waits for a condition.
func until(t *testing.T, holds func() bool, what string, args ...any) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			require.Failf(t, "it never came to be", what, args...)
		}
	}
}

// process is a metagate that runs.
type process struct {
	*exec.Cmd
	out, log *text
	done     chan struct{}
}

// text is what a process writes, to be read meanwhile.
type text struct {
	name string
}

func (o *text) String() string {
	b, _ := os.ReadFile(o.name)
	return string(b)
}

func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return program(t, self, env, args...)
}

func program(t *testing.T, name string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{beMetagate + "=1", "TMPDIR=" + cmd.Dir, "PATH=" + os.Getenv("PATH") + ":/usr/sbin"}, env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return cmd
}

// start starts a command, and ends it with the test.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{cmd, &text{dir + "/out"}, &text{dir + "/log"}, make(chan struct{})}
	out, err := os.Create(p.out.name)
	require.NoError(t, err)
	log, err := os.Create(p.log.name)
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = out, log
	require.NoError(t, cmd.Start())
	go func() {
		_ = cmd.Wait() // the code says it
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(10 * time.Second):
			_ = p.Process.Kill()
			<-p.done
		}
		_, _ = out.Close(), log.Close()
	})
	return p
}

func (p *process) code(t *testing.T) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		require.Fail(t, "it doesn't end", "%s%s", p.out, p.log)
	}
	return p.ProcessState.ExitCode()
}

func (p *process) send(t *testing.T, sig syscall.Signal) {
	t.Helper()
	require.NoError(t, p.Process.Signal(sig))
}

// says waits for a text on stdout.
func (p *process) says(t *testing.T, text string) {
	t.Helper()
	until(t, func() bool { return strings.Contains(p.out.String(), text) }, "%s; it says %s%s", text, p.out, p.log)
}

// result is what a run left behind.
type result struct {
	code     int
	out, log string
}

// run runs metagate to its end.
func run(t *testing.T, env []string, args ...string) result {
	t.Helper()
	var out, log bytes.Buffer
	cmd := command(t, env, args...)
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	left, err := filepath.Glob(cmd.Dir + "/metagate-*")
	require.NoError(t, err)
	require.Empty(t, left, "files are removed at the end")
	return result{cmd.ProcessState.ExitCode(), out.String(), log.String()}
}

// sh runs metagate exec with a shell script.
func sh(t *testing.T, env []string, script string, flags ...string) result {
	t.Helper()
	return run(t, env, append(append([]string{"exec"}, flags...), "--", "sh", "-c", script)...)
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

// needs skips a test whose program is not there; in CI it fails.
func needs(t *testing.T, name string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	require.NotEqual(t, "true", os.Getenv("CI"), "no %s: CI has to have one", name)
	t.Skip("skipped: no " + name)
	return ""
}

func read(t *testing.T, r io.Reader) []byte {
	b, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return b
}
