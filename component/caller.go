package component

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// maxAnswer is the size of the largest answer that is read, in bytes: twice the
// largest world that MetaGate takes.
const maxAnswer = 16 << 20

// caller asks MetaGate.
type caller struct {
	Config
	http      *http.Client
	own       bool // its connections are ours to close
	agent     string
	preferred atomic.Int64 // the index of the address that answered last
	outbox    *outbox      // nil without Config.CacheDir
}

// request is what is asked, whatever the address.
type request struct {
	path           string
	body           []byte                          // of a POST; nil is a GET of what is public
	idempotencyKey string                          // empty for none
	budget         time.Duration                   // of all attempts
	accept         func(http.Header, []byte) error // takes a 200, or says why it can't be one
}

func newCaller(cfg Config) (*caller, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	c := &caller{Config: cfg, agent: userAgent()}
	client := http.Client{}
	if cfg.HTTPClient != nil {
		client = *cfg.HTTPClient
	} else if t, ok := http.DefaultTransport.(*http.Transport); ok {
		client.Transport, c.own = t.Clone(), true
	}
	client.CheckRedirect = sameHost
	c.http = &client
	if c.CacheDir != "" {
		c.outbox = newOutbox(c)
	}
	return c, nil
}

// sameHost stops at a redirect that would take the key to another host, or make a GET
// of the request: the redirect is then the answer.
func sameHost(next *http.Request, before []*http.Request) error {
	first := before[0]
	if next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host || next.Method != first.Method || len(before) > 3 {
		return http.ErrUseLastResponse
	}
	return nil
}

// idle closes the connections that nothing follows on.
func (c *caller) idle() {
	if c.own {
		c.http.CloseIdleConnections()
	}
}

// end is idle after what is being told of earlier starts.
func (c *caller) end() {
	if c.outbox != nil {
		c.outbox.linger()
	}
	c.idle()
}

// attempt asks one address once; twice where the key is refused and is another by now.
func (c *caller) attempt(ctx context.Context, address string, r request, timeout time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	key, err := "", error(nil)
	if r.body != nil {
		key, err = c.key()
	}
	if err != nil {
		return final{err}
	}
	err = c.ask(bounded, address, key, r)
	if p := (*Problem)(nil); errors.As(err, &p) && p.Status == http.StatusUnauthorized && r.body != nil {
		if newer, unread := c.key(); unread == nil && newer != key {
			err = c.ask(bounded, address, newer, r)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return fmt.Errorf("no answer within %v: %w", timeout, err)
	}
	return err
}

func (c *caller) ask(ctx context.Context, address, key string, r request) error {
	method := http.MethodPost
	if r.body == nil {
		method = http.MethodGet
	}
	q, err := http.NewRequestWithContext(ctx, method, address+r.path, bytes.NewReader(r.body))
	if err != nil {
		return final{err}
	}
	q.Header.Set("User-Agent", c.agent)
	if r.body != nil {
		q.Header.Set("Content-Type", "application/json")
		c.authorize(q.Header, key)
	}
	if r.idempotencyKey != "" {
		q.Header.Set("Idempotency-Key", r.idempotencyKey)
	}
	resp, err := c.http.Do(q)
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err // the address is named by whoever called
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := readAll(resp, maxAnswer)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return c.refused(resp, body)
	}
	if err := r.accept(resp.Header, body); err != nil {
		return fmt.Errorf("200, but not MetaGate's: %w", foreign{err})
	}
	return nil
}

// foreign is an answer that isn't MetaGate's.
type foreign struct{ error }

func (f foreign) Unwrap() error { return f.error }

func readAll(resp *http.Response, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%d, cut short: %w", resp.StatusCode, err)
	case int64(len(body)) > limit:
		return nil, final{fmt.Errorf("%d with more than %d bytes: no answer of MetaGate's", resp.StatusCode, limit)}
	}
	return body, nil
}

// refused is a Problem; of a redirect it says where that leads.
func (c *caller) refused(resp *http.Response, body []byte) *Problem {
	p := problemOf(resp.StatusCode, resp.Header, body, c.clock.now())
	if to, err := resp.Location(); err == nil && p.Detail == "" {
		p.Detail = "it leads to " + to.Redacted() + ", which would get the key: if that is MetaGate, make it the address"
	}
	return p
}
