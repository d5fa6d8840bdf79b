package server

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// counted is a connection that counts what is written to it.
type counted struct {
	net.Conn
	writes *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

func TestAnswersOfAnyLengthArriveWholeOneAfterAnother(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		body := bytes.Repeat([]byte("\r\n\r\nx"), n/5+1)[:n]
		w.Header().Set("X-Long", strings.Repeat("h", len(r.URL.Query().Get("h"))*5000))
		if r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body) // 100 Continue comes first
		}
		w.Header().Set("Content-Length", strconv.Itoa(n))
		apart := together(r.Context(), body)
		_, _ = w.Write(body)
		apart()
		clear(body) // whoever lets go of it may write the next into it
	}))
	s.Listener, s.Config.ConnContext = Whole(s.Listener), WithConn
	s.Start()
	t.Cleanup(s.Close)
	client := s.Client()
	for range 2 {
		for _, n := range []int{0, 1, 2047, 2048, 3071, 3072, 3073, 3900, 4000, 4095, 4096, 4097, 5000, 8192, 70_000, 1 << 20} {
			for _, header := range []string{"", "1"} {
				for _, method := range []string{http.MethodGet, http.MethodPost} {
					r, err := http.NewRequestWithContext(t.Context(), method, s.URL+"?h="+header+"&n="+strconv.Itoa(n), strings.NewReader("body"))
					require.NoError(t, err)
					r.Header.Set("Expect", "100-continue")
					resp, err := client.Do(r)
					require.NoError(t, err)
					got, err := io.ReadAll(resp.Body)
					require.NoError(t, err)
					require.NoError(t, resp.Body.Close())
					require.Equal(t, bytes.Repeat([]byte("\r\n\r\nx"), n/5+1)[:n], got)
				}
			}
		}
	}
}

func TestAHeaderLeavesWithItsBody(t *testing.T) {
	t.Parallel()
	var writes atomic.Int64
	here, there := net.Pipe()
	received := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(there)
		received <- all
	}()
	c, body := &wholeConn{Conn: counted{here, &writes}}, bytes.Repeat([]byte("b"), 5000)
	c.body = body
	first := append([]byte("HTTP/1.1 200 OK\r\n\r\n"), body[:4000]...)
	for _, part := range [][]byte{first, body[4000:4500], append(body[4500:5000:5000], "next"...)} {
		n, err := c.Write(part)
		require.NoError(t, err)
		require.Equal(t, len(part), n)
	}
	require.EqualValues(t, 3, writes.Load(), "header and body, together where there is writev, and what comes after them")
	require.NoError(t, here.Close())
	require.Equal(t, "HTTP/1.1 200 OK\r\n\r\n"+string(body)+"next", string(<-received))
}
