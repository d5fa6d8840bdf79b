package componenttest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/legivellum/metagate/component/componenttest"
)

// witness is a test that may fail, and tells how.
type witness struct {
	*testing.T
	mu   sync.Mutex
	said []string
}

func (w *witness) Errorf(format string, a ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, fmt.Sprintf(format, a...))
}

func (w *witness) Fatalf(format string, a ...any) { w.Errorf(format, a...) }

func (w *witness) all() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.said, "\n")
}

const (
	bootstrap = "/v1/bootstrap"
	ready     = "/v1/startup/ready"
	failed    = "/v1/startup/failed"
)

// send sends a request with the server's key and gives the answer.
func send(t *testing.T, s *componenttest.Server, method, path, body string, header ...string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-API-Key", s.Key)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

func TestAPacketThatCannotBeOneEndsTheTest(t *testing.T) {
	t.Parallel()
	for packet, says := range map[string]string{
		``: "unexpected end", `[]`: "cannot unmarshal", `{"service": {}}`: `"service"`, `{"services": []}`: "services", `{"profile": 1}`: "profile",
	} {
		w := &witness{T: t}
		componenttest.NewServer(w, packet)
		if !strings.Contains(w.all(), says) {
			t.Errorf("%s: %s", packet, w.all())
		}
	}
}

func TestWhatNoComponentShouldSendFailsTheTest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, path, body string
		header             []string
		status             int
	}{
		"bad JSON":               {"POST", bootstrap, `{`, nil, 400},
		"no component":           {"POST", bootstrap, `{}`, nil, 400},
		"a component with a gap": {"POST", bootstrap, `{"component_key": "worker 1"}`, nil, 400},
		"labels of numbers":      {"POST", bootstrap, `{"component_key": "c", "labels": {"a": 1}}`, nil, 400},
		"no build version":       {"POST", ready, `{"startup_id": "x"}`, nil, 400},
		"no error":               {"POST", failed, `{"startup_id": "x"}`, nil, 400},
		"an unknown startup":     {"POST", ready, `{"startup_id": "x", "build_version": ""}`, nil, 404},
		"an unknown path":        {"POST", "/v1/startup/stopped", `{}`, nil, 404},
		"another method":         {"PUT", bootstrap, `{}`, nil, 405},
		"no JSON by its type":    {"POST", bootstrap, `{"component_key": "c"}`, []string{"Content-Type", "text/plain"}, 415},
		"a body too large":       {"POST", bootstrap, `{"component_key": "c"}` + strings.Repeat(" ", 64<<10), nil, 413},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &witness{T: t}
			s := componenttest.NewServer(w, `{}`)
			status, text := send(t, s, c.method, c.path, c.body, c.header...)
			if status != c.status || !strings.Contains(w.all(), fmt.Sprint(c.status)) {
				t.Errorf("%d %s\n%s", status, text, w.all())
			}
		})
	}
}

func TestAnswersThatAComponentMayMeetFailNothing(t *testing.T) {
	t.Parallel()
	s := componenttest.NewServer(t, `{}`)
	steps := []struct {
		path, body string
		header     []string
		status     int
		says       string
	}{
		{bootstrap, `{"component_key": "c"}`, []string{"X-API-Key", "wrong"}, 401, "UNAUTHENTICATED"},
		{bootstrap, `{"component_key": "c", "a_newer_member": 1}`, []string{"Idempotency-Key", "k"}, 200, `"component_key":"c"`},
		{bootstrap, `{"component_key": "c"}`, []string{"Idempotency-Key", "k"}, 200, `"status":"OPEN"`},
		{bootstrap, `{"component_key": "c"}`, []string{"Authorization", "Bearer " + s.Key, "X-API-Key", ""}, 200, "packet_etag"},
		{ready, `{"startup_id": "ID", "build_version": "1"}`, nil, 200, "READY"},
		{ready, `{"startup_id": "ID", "build_version": "2"}`, nil, 200, "READY"},
		{failed, `{"startup_id": "ID", "error": "x"}`, nil, 409, "INVALID_STATE"},
	}
	for _, step := range steps {
		if all := s.Startups(); len(all) > 0 {
			step.body = strings.Replace(step.body, "ID", all[0].ID, 1)
		}
		if status, text := send(t, s, "POST", step.path, step.body, step.header...); status != step.status || !strings.Contains(text, step.says) {
			t.Errorf("%s %s: %d %s", step.path, step.body, status, text)
		}
	}
	if all := s.Startups(); len(all) != 2 || all[0].BuildVersion != "1" || all[0].Status != "READY" || all[1].Status != "OPEN" {
		t.Errorf("%+v", all)
	}
	if n := len(s.Requests()); n != len(steps) {
		t.Errorf("%d requests", n)
	}
}
