package cli

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/testdb"
)

// aDay of draining: only a second signal ends it while a test runs.
var aDay = []string{"DRAIN_SECONDS=86400", "SHUTDOWN_SECONDS=86400"}

func TestAServerThatDrainsSaysSoAndStillAnswersUntilASecondSignal(t *testing.T) {
	t.Parallel()
	testdb.Each(t, nil, func(t *testing.T, databaseURL string) {
		env := append([]string{"DATABASE_URL=" + databaseURL}, aDay...)
		k := key(t, env, "seed")
		p := serve(t, env)
		kept := new(http.Transport)
		t.Cleanup(kept.CloseIdleConnections)
		before := ask(t, kept, p, k, "/v1/bootstrap")
		require.Equal(t, answered{200, false}, before)

		require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
		p.waitFor(t, "draining")
		for range 2 { // over the kept connection, and over a new one
			require.Equal(t, answered{200, true}, ask(t, kept, p, k, "/v1/bootstrap"))
		}
		require.Equal(t, answered{200, true}, ask(t, kept, p, k, "/health"))
		ready, err := p.client(t, k).GetReadyWithResponse(t.Context())
		require.NoError(t, err)
		require.Equal(t, 503, ready.StatusCode())
		require.Contains(t, string(ready.Body), "shutting down")

		code, log := p.stop(t, syscall.SIGTERM)
		require.Zero(t, code, log)
	})
}

func TestNoRequestOverAKeptConnectionIsLostInARestart(t *testing.T) {
	t.Parallel()
	testdb.Each(t, nil, func(t *testing.T, databaseURL string) {
		const clients = 32
		env := append([]string{"DATABASE_URL=" + databaseURL}, aDay...)
		k := key(t, env, "seed")
		p := serve(t, env)
		var busy, clientsEnd sync.WaitGroup
		wrong := make(chan error, clients)
		busy.Add(clients)
		for range clients {
			clientsEnd.Go(func() { // as a proxy does: it goes elsewhere once it was told to
				kept, first := new(http.Transport), true
				defer kept.CloseIdleConnections()
				for {
					r, err := send(kept, p, k, "/v1/bootstrap")
					if err == nil && r.status != http.StatusOK {
						err = fmt.Errorf("answered %d", r.status)
					}
					if first {
						busy.Done()
					}
					first = false
					if err != nil || r.closes {
						wrong <- err
						return
					}
				}
			})
		}
		busy.Wait()
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
		clientsEnd.Wait()
		for range clients {
			require.NoError(t, <-wrong)
		}
		code, log := p.stop(t, syscall.SIGTERM)
		require.Zero(t, code, log)
	})
}

// answered is what came back, and whether the connection ends with it.
type answered struct {
	status int
	closes bool
}

func ask(t *testing.T, over *http.Transport, p *process, key, path string) answered {
	t.Helper()
	a, err := send(over, p, key, path)
	require.NoError(t, err)
	return a
}

// send sends one request over a transport of its own and reads the answer.
func send(over *http.Transport, p *process, key, path string) (answered, error) {
	method, body := http.MethodGet, ""
	if path == "/v1/bootstrap" {
		method, body = http.MethodPost, `{"component_key":"memorygate_main"}`
	}
	r, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		return answered{}, err
	}
	r.Header.Set("X-API-Key", key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := over.RoundTrip(r)
	if err != nil {
		return answered{}, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body) // else the connection isn't kept
	return answered{answer.StatusCode, answer.Close}, err
}
