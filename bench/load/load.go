// Package load is a load generator: a closed loop of keep-alive connections
// that send prepared requests, and a latency histogram.
package load

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Load is what to send. Each connection asks Next for its next request until
// there is none, ctx ends, or Duration has passed, but asks once at least.
type Load struct {
	URL         string
	TLS         *tls.Config // of an https URL
	Kept        *Kept       // connections that are there already; nil opens them
	Concurrency int
	Duration    time.Duration
	// Next returns the bytes of a request (see Request); nil ends the connection.
	Next func(connection int) []byte
	// Want reports whether an answer is the one hoped for. It may keep what it
	// learns, but not body; connections call it at the same time.
	Want func(connection int, answer *http.Response, body []byte) bool
}

// Result is what a load met.
type Result struct {
	Requests  int64
	Failures  map[string]int64 // by status or kind of network error
	Took      time.Duration
	Histogram *hdrhistogram.Histogram // nanoseconds
	Note      string                  // what else there is to say
}

// PerSecond is the rate of answers that were hoped for.
func (r Result) PerSecond() float64 { return float64(r.Requests) / r.Took.Seconds() }

// At is the latency that p percent of the answers stayed below.
func (r Result) At(p float64) time.Duration { return time.Duration(r.Histogram.ValueAtPercentile(p)) }

// Request renders an HTTP/1.1 request once, to be sent many times.
func Request(method, rawURL string, header http.Header, body string) ([]byte, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", method, u.RequestURI(), u.Host, len(body))
	if err := header.Write(&b); err != nil {
		return nil, err
	}
	b.WriteString("\r\n" + body)
	return b.Bytes(), nil
}

const (
	slowest   = int64(time.Minute)
	precision = 3 // significant figures of a latency
)

// Run sends the load. Sent counts the answers while it runs, for a progress line.
func Run(ctx context.Context, l Load, sent *atomic.Int64) (Result, error) {
	u, err := url.Parse(l.URL)
	if err != nil {
		return Result{}, err
	}
	if (u.Scheme != "http" && (u.Scheme != "https" || l.TLS == nil)) || u.Host == "" {
		return Result{}, errors.New("wants http://HOST:PORT")
	}
	if u.Scheme == "http" {
		l.TLS = nil
	}
	if l.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.Duration)
		defer cancel()
	}
	out := Result{Failures: map[string]int64{}, Histogram: hdrhistogram.New(1, slowest, precision)}
	var mu sync.Mutex
	var group sync.WaitGroup
	start := time.Now()
	for i := range l.Concurrency {
		group.Go(func() {
			c := connection{address: hostPort(u), tls: l.TLS, histogram: hdrhistogram.New(1, slowest, precision), failures: map[string]int64{}}
			if l.Kept != nil {
				c.use(ctx, l.Kept.all[i])
			}
			c.run(ctx, l, i, sent)
			mu.Lock()
			defer mu.Unlock()
			out.Histogram.Merge(c.histogram)
			out.Requests += c.histogram.TotalCount()
			for kind, n := range c.failures {
				out.Failures[kind] += n
			}
		})
	}
	group.Wait()
	out.Took = time.Since(start)
	return out, nil
}

func hostPort(u *url.URL) string {
	if u.Port() == "" {
		return net.JoinHostPort(u.Hostname(), "80")
	}
	return u.Host
}

type connection struct {
	address   string
	tls       *tls.Config // nil is plain
	conn      net.Conn
	in        *bufio.Reader
	body      bytes.Buffer // of the last answer
	histogram *hdrhistogram.Histogram
	failures  map[string]int64
}

func (c *connection) run(ctx context.Context, l Load, number int, sent *atomic.Int64) {
	defer c.close()
	for again := true; again; again = ctx.Err() == nil {
		request := l.Next(number)
		if request == nil {
			return
		}
		start := time.Now()
		answer, err := c.send(ctx, request)
		took := time.Since(start)
		switch {
		case err != nil:
			if ctx.Err() == nil {
				c.failures["network"]++
			}
			c.close()
		case !l.Want(number, answer, c.body.Bytes()):
			c.failures[strconv.Itoa(answer.StatusCode)]++
		default:
			_ = c.histogram.RecordValue(int64(min(took, time.Minute))) // within its bounds
			sent.Add(1)
		}
	}
}

// grace lets a connection come about, and an answer that is on its way arrive after the end.
const grace = 2 * time.Second

func (c *connection) send(ctx context.Context, request []byte) (*http.Response, error) {
	if c.conn == nil {
		conn, err := (&net.Dialer{Timeout: grace}).DialContext(context.WithoutCancel(ctx), "tcp", c.address)
		if err != nil {
			return nil, err
		}
		if c.tls != nil {
			conn = tls.Client(conn, c.tls) // which shakes hands with the first request
		}
		c.use(ctx, conn)
	}
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	c.body.Reset()
	_, err = c.body.ReadFrom(r.Body)
	return r, err
}

func (c *connection) use(ctx context.Context, conn net.Conn) {
	c.conn, c.in = conn, bufio.NewReaderSize(conn, 8<<10)
	context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now().Add(grace)) })
}

// Kept are connections for one Run, which closes them.
type Kept struct{ all []net.Conn }

// Open opens what l's connections will be: with their handshakes behind them, where it
// is TLS.
func (l Load) Open(ctx context.Context) (*Kept, error) {
	u, err := url.Parse(l.URL)
	if err != nil {
		return nil, err
	}
	k := &Kept{}
	for range l.Concurrency {
		conn, err := (&net.Dialer{Timeout: grace}).DialContext(ctx, "tcp", hostPort(u))
		if err == nil && u.Scheme == "https" {
			shaken := tls.Client(conn, l.TLS)
			conn, err = shaken, shaken.HandshakeContext(ctx)
		}
		if err != nil {
			return nil, err
		}
		k.all = append(k.all, conn)
	}
	return k, nil
}

func (c *connection) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}
