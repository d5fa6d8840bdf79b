package app_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// settingsOf reads the first frame that a server of HTTP/2 sends: its settings by
// their identifiers (RFC 9113, section 6.5).
func settingsOf(t *testing.T, conn io.ReadWriter) map[uint16]uint32 {
	t.Helper()
	_, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	require.NoError(t, err)
	head := make([]byte, 9)
	_, err = io.ReadFull(conn, head)
	require.NoError(t, err)
	require.EqualValues(t, 4, head[3], "SETTINGS")
	body := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(conn, body)
	require.NoError(t, err)
	out := map[uint16]uint32{}
	for ; len(body) > 0; body = body[6:] {
		out[binary.BigEndian.Uint16(body)] = binary.BigEndian.Uint32(body[2:])
	}
	return out
}

func TestAConnectionOfHTTP2IsToldHowMuchItMayOpen(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		got := settingsOf(t, s.dial(t, a, "h2"))
		require.EqualValues(t, 128, got[3], "SETTINGS_MAX_CONCURRENT_STREAMS")
		require.Less(t, got[6], uint32(65<<10), "SETTINGS_MAX_HEADER_LIST_SIZE")
		require.Positive(t, got[6])
	}, s.serving(t))
}

// connections counts those that a transport opens.
type connections struct {
	mu  sync.Mutex
	all map[string]int
}

func (c *connections) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.all == nil {
			c.all = map[string]int{}
		}
		c.all[i.Conn.LocalAddr().String()]++
	}})
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

// bootstrap sends a request over a's own connections, which it counts, and tells with
// which status it was answered.
func (c *connections) bootstrap(t *testing.T, a *apptest.App, body io.Reader, credential string) (int, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(c.trace(t.Context()), http.MethodPost, a.URL+"/v1/bootstrap", body)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(a.Config.APIKeyHeader, credential)
	resp, err := a.HTTP(t).Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err = io.ReadAll(resp.Body); err == nil && resp.ProtoMajor != 2 {
		err = errors.New("it came by " + resp.Proto)
	}
	return resp.StatusCode, err
}

const oneStart = `{"component_key":"c"}`

// answers demands a status.
func (c *connections) answers(t *testing.T, want int, a *apptest.App, body, credential string) {
	t.Helper()
	got, err := c.bootstrap(t, a, strings.NewReader(body), credential)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// The server goes by its own clock: a body has ten seconds.
func TestARequestThatStallsOrIsRefusedLeavesTheOthersOfItsConnectionAlone(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		a = s.reach(t, a, true)
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		var conns connections
		stalled := make(chan outcome, 1)
		body, end := io.Pipe()
		defer end.Close()
		go func() {
			status, err := conns.bootstrap(t, a, body, w.component.credential)
			stalled <- outcome{status: status, err: err}
		}()
		_, err := io.WriteString(end, `{"component_key":`) // returns when it has been sent
		require.NoError(t, err)
		for range 50 {
			// A body that nobody reads: the credential is wrong.
			conns.answers(t, 401, a, strings.Repeat(" ", 60<<10), "mgk_wrong")
			conns.answers(t, 200, a, oneStart, w.component.credential)
		}
		require.Equal(t, outcome{status: 408}, <-stalled)
		conns.answers(t, 200, a, oneStart, w.component.credential)
		require.Equal(t, 1, conns.count(), "all of them on one connection, which went on")
	}, s.serving(t))
}

func TestManyAtOnceOnOneConnectionAreAllAnswered(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		a = s.reach(t, a, true)
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		var conns connections
		answered := make(chan outcome, apptest.Fewer(1000))
		for range cap(answered) {
			go func() {
				status, err := conns.bootstrap(t, a, strings.NewReader(oneStart), w.component.credential)
				answered <- outcome{status: status, err: err}
			}()
		}
		counts := map[int]int{}
		for range cap(answered) {
			got := <-answered
			require.NoError(t, got.err)
			counts[got.status]++
		}
		// A slow machine may take longer than a second over some.
		require.Equal(t, cap(answered), counts[200]+counts[503]+counts[408], "%v", counts)
		require.Positive(t, counts[200])
		list := wire{a, apptest.AdminKey}.send(t, "GET", "/metrics", "")
		require.Contains(t, list.Body, fmt.Sprintf(`metagate_bootstraps_total{code="OK"} %d`, counts[200]+1), "each has its receipt")
	}, s.serving(t), func(c *app.Config) { c.MaxInFlight = 64 })
}

func TestADrainingServerSendsAConnectionOfHTTP2AwayAndAnswersIt(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		a = s.reach(t, a, true)
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		var conns connections
		ctx, sigterm := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Serve(ctx) }()
		sigterm()
		for conns.count() < 3 { // each answer sends its connection away
			conns.answers(t, 200, a, oneStart, w.component.credential)
		}
		require.NoError(t, <-ended)
	}, s.serving(t), func(c *app.Config) { c.DrainSeconds = 5 })
}
