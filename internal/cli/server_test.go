package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/internal/identity"
)

// process is a metagate that keeps running until it is told to stop.
type process struct {
	cmd *exec.Cmd
	url string
	log <-chan string // its lines on stderr; closed at its end
	out *os.File      // what it printed

	passed []string // lines that waitFor has read
}

// serve starts the server on a free port and waits until it listens.
func serve(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return start(t, env, append([]string{"serve", "--host=127.0.0.1", "--port=0"}, args...)...)
}

// start starts a command that serves, and waits until it listens.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return await(t, command(t, env, args...))
}

// await starts cmd and waits until it listens.
func await(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd}
	var err error
	p.out, err = os.Create(p.cmd.Dir + "/stdout")
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.out.Close() })
	p.cmd.Stdout = p.out
	stderr, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })

	lines := make(chan string, 10_000) // nobody has to read them
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			lines <- s.Text()
		}
	}()
	p.log = lines
	var listens struct{ URL string }
	require.NoError(t, json.Unmarshal([]byte(p.waitFor(t, "MetaGate listens")), &listens))
	p.url = listens.URL
	return p
}

// waitFor reads the log up to a line with text.
func (p *process) waitFor(t *testing.T, text string) string {
	t.Helper()
	for line := range p.log {
		if strings.Contains(line, text) {
			return line
		}
		p.passed = append(p.passed, line)
	}
	require.Fail(t, "metagate ended without a word of "+text, strings.Join(p.passed, "\n"))
	return ""
}

// stop sends sig, waits for the end, and returns the exit code and the rest of the log.
func (p *process) stop(t *testing.T, sig os.Signal) (code int, log []string) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(sig))
	return p.wait(t)
}

func (p *process) wait(t *testing.T) (code int, log []string) {
	t.Helper()
	for line := range p.log {
		log = append(log, line)
	}
	_ = p.cmd.Wait() // the code says it
	return p.cmd.ProcessState.ExitCode(), log
}

// printed is its output up to now.
func (p *process) printed(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(p.out.Name())
	require.NoError(t, err)
	return string(b)
}

// client calls it with an API key or a JWT.
func (p *process) client(t *testing.T, credential string) *client.ClientWithResponses {
	t.Helper()
	c, err := client.NewClientWithResponses(p.url, client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		if strings.HasPrefix(credential, identity.KeyPrefix) {
			r.Header.Set("X-API-Key", credential)
		} else {
			r.Header.Set("Authorization", "Bearer "+credential)
		}
		return nil
	}))
	require.NoError(t, err)
	return c
}
