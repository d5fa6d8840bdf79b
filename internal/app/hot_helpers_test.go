package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// child is a real server process; App has its URL and configuration alone.
type child struct {
	*apptest.App
	kill func() // as kill -9 does; returns when it has ended
}

func buildMetagate(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "metagate")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, "../../cmd/metagate")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

// spawn starts the binary on a database and waits until it listens.
func spawn(t *testing.T, binary, databaseURL string) child {
	t.Helper()
	c, why := trySpawn(t, binary, databaseURL)
	require.NotNil(t, c.App, "it ended: %s", why)
	return c
}

// spawnUntil starts it again, as a supervisor does, where it ends: on SQLite others may hold the one writer for longer than a start waits.
func spawnUntil(t *testing.T, binary, databaseURL string) (c child) {
	t.Helper()
	until(t, func() bool {
		c, _ = trySpawn(t, binary, databaseURL)
		return c.App != nil
	})
	return c
}

// trySpawn has no App where it ended, and says what it said last.
func trySpawn(t *testing.T, binary, databaseURL string) (c child, last string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "serve", "--host=127.0.0.1", "--port=0")
	cmd.Dir = t.TempDir()
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "DATABASE_URL=" + databaseURL, "LOG_FORMAT=json",
		"ADMIN_API_KEY=" + apptest.AdminKey, "JWT_SECRET=" + apptest.JWTSecret,
	}
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	kill := sync.OnceFunc(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	t.Cleanup(kill)
	lines := bufio.NewScanner(stderr)
	var listens struct{ Msg, URL string }
	for listens.URL == "" {
		if !lines.Scan() {
			kill()
			return child{}, last
		}
		if last = lines.Text(); strings.Contains(last, "MetaGate listens") {
			require.NoError(t, json.Unmarshal(lines.Bytes(), &listens))
		}
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	return child{&apptest.App{App: &app.App{URL: listens.URL}, Config: apptest.Config(t, databaseURL)}, kill}, last
}

// notHanging is when a client gives up: the contract promises an answer, even
// if only 503, far sooner.
const notHanging = 5 * time.Second

// load is many components that bootstrap and report all the time, each on a
// connection of its own. It keeps what they were answered in full.
type load struct {
	mu     sync.Mutex
	opened []uuid.UUID // 200 and 304
	closed []uuid.UUID // READY was acknowledged
	busy   int         // 503
	broken int         // no answer, or a part of one
	wrong  []string
	ended  bool
	all    sync.WaitGroup
}

// startLoad sends as component with n connections until stop.
func startLoad(a *apptest.App, key string, n int) *load {
	l := &load{}
	for c := range n {
		l.all.Go(func() {
			client := &http.Client{Timeout: notHanging, Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
			defer client.CloseIdleConnections()
			for i := 0; l.going(); i++ {
				known := "" // every second has its packet already: 304
				if i%2 == 1 {
					known = "*"
				}
				if id, ok := l.one(client, a.URL+"/v1/bootstrap", key, known, `{"component_key":"c"}`); ok && (c+i)%3 == 0 {
					l.one(client, a.URL+"/v1/startup/ready", key, "", `{"build_version":"1","startup_id":"`+id+`"}`)
				}
			}
		})
	}
	return l
}

func (l *load) going() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.ended
}

// stop ends the load and waits for its last answers.
func (l *load) stop() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.all.Wait()
}

// answered is how many answers came but 503.
func (l *load) answered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.opened) + len(l.closed)
}

func (l *load) refused() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.busy
}

func (l *load) one(client *http.Client, url, key, known, body string) (id string, ok bool) {
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-API-Key", key)
	if known != "" {
		r.Header.Set("If-None-Match", known)
	}
	var text []byte
	resp, err := client.Do(r)
	if err == nil {
		text, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case os.IsTimeout(err):
		l.wrong = append(l.wrong, "a hang: "+err.Error())
	case err != nil:
		l.broken++
	case resp.StatusCode == http.StatusServiceUnavailable:
		l.busy++
		if resp.Header.Get("Retry-After") == "" {
			l.wrong = append(l.wrong, "503 without Retry-After")
		}
	case strings.HasSuffix(url, "/ready") && resp.StatusCode == http.StatusOK:
		var ack struct {
			StartupID uuid.UUID `json:"startup_id"`
		}
		if err := json.Unmarshal(text, &ack); err != nil {
			l.wrong = append(l.wrong, err.Error())
		}
		l.closed = append(l.closed, ack.StartupID)
	case resp.StatusCode == http.StatusOK && known == "", resp.StatusCode == http.StatusNotModified && known != "":
		id = resp.Header.Get("Metagate-Startup-Id")
		if resp.StatusCode == http.StatusOK && !strings.Contains(string(text), `"startup_id":"`+id+`"`) {
			l.wrong = append(l.wrong, "header and packet name different startups")
		}
		l.opened = append(l.opened, uuid.MustParse(id))
		return id, true
	default:
		l.wrong = append(l.wrong, resp.Status+": "+string(text))
	}
	return "", false
}

// requireAll demands that nothing was answered wrongly and all that was answered
// is in the database.
func (l *load) requireAll(t *testing.T, databaseURL string) {
	t.Helper()
	require.Empty(t, l.wrong)
	st, err := store.Open(t.Context(), databaseURL)
	require.NoError(t, err)
	defer st.Close()
	seen := map[uuid.UUID]bool{}
	for _, id := range l.opened {
		require.False(t, seen[id], "two answers, one startup")
		seen[id] = true
		_, err := st.GetStartup(t.Context(), id)
		require.NoError(t, err, "an answered bootstrap whose receipt is gone")
	}
	for _, id := range l.closed {
		row, err := st.GetStartup(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "READY", row.Status, "an acknowledged report that is gone")
	}
}

// small keeps a server's admission limit low.
func small(c *app.Config) { c.MaxInFlight = 4 }

// persevering sends a request again while the answer is 503: nothing was written, and
// how long a database is busy is not these tests' matter.
type persevering struct{ *http.Client }

func (c persevering) Do(r *http.Request) (*http.Response, error) {
	for {
		resp, err := c.Client.Do(r)
		if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
			return resp, err
		}
		_ = resp.Body.Close()
		if r.Body, err = r.GetBody(); err != nil {
			return nil, err
		}
	}
}

// patient is a client that waits for a busy database.
func patient(t *testing.T, a *apptest.App, credential string) *client.ClientWithResponses {
	t.Helper()
	header, value := "Authorization", "Bearer "+credential
	if strings.HasPrefix(credential, identity.KeyPrefix) {
		header, value = a.Config.APIKeyHeader, credential
	}
	c, err := client.NewClientWithResponses(a.URL, client.WithHTTPClient(persevering{a.HTTP(t)}),
		client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error { r.Header.Set(header, value); return nil }))
	require.NoError(t, err)
	return c
}
