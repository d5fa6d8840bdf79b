package launch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// DefaultAfter is how long a command has to live before it counts as ready where nothing says otherwise.
const DefaultAfter = time.Second

// Condition is what a command is ready by.
type Condition struct {
	text  string
	kind  string
	arg   string         // host:port, URL, path
	argv  []string       // exec
	re    *regexp.Regexp // log
	after time.Duration
}

// String is how it was written.
func (c Condition) String() string { return c.text }

// Outside reports whether it can be seen from another process than the command's parent.
func (c Condition) Outside() bool {
	return c.kind == "tcp" || c.kind == "http" || c.kind == "exec" || c.kind == "file"
}

// After is that the command has lived for so long.
func After(d time.Duration) Condition {
	return Condition{text: "after:" + d.String(), kind: "after", after: d}
}

// ParseCondition reads a condition:
//
//	tcp:8080, tcp:HOST:PORT  somebody listens there: the command, where that can be told
//	http:8080/path, https:…  and answers GET with a status of 200–399
//	exec:COMMAND             the command ends with 0: text is for /bin/sh, a JSON list is run as it is
//	file:PATH                the file is there, and was not, or was another, before the command was started
//	log:REGEXP               a line of its stdout or stderr matches (RE2)
//	notify                   it sends READY=1 to NOTIFY_SOCKET (sd_notify(3))
//	after:2s                 it has lived for so long
//	exit                     it has ended with 0: for commands that do something and end
func ParseCondition(text string) (Condition, error) {
	c := Condition{text: text}
	var arg string
	c.kind, arg, _ = strings.Cut(text, ":")
	var err error
	switch c.kind {
	case "tcp":
		c.arg, err = endpoint(arg)
	case "http", "https":
		c.arg, err = address(c.kind, arg)
		c.kind = "http"
	case "exec":
		c.argv = []string{"/bin/sh", "-c", arg}
		if strings.HasPrefix(arg, "[") && json.Unmarshal([]byte(arg), &c.argv) != nil || len(c.argv) == 0 || arg == "" {
			err = errors.New(`write a command for /bin/sh behind it, or a list such as ["redis-cli", "ping"]`)
		}
	case "file":
		if c.arg = arg; arg == "" {
			err = errors.New("write a path behind it")
		}
	case "log":
		if c.re, err = regexp.Compile(arg); arg == "" {
			err = errors.New("write a regular expression behind it")
		}
	case "after":
		if c.after, err = time.ParseDuration(arg); err != nil || c.after < 0 {
			err = errors.New("write a time such as 2s behind it")
		}
	case "notify", "exit":
		if text != c.kind {
			err = errors.New("nothing is written behind it")
		}
	default:
		err = errors.New("there are tcp:, http:, https:, exec:, file:, log:, notify, after: and exit")
	}
	if err != nil {
		return c, fmt.Errorf("%q: %w", text, err)
	}
	return c, nil
}

// endpoint is PORT or HOST:PORT as host:port.
func endpoint(text string) (string, error) {
	if !strings.Contains(text, ":") {
		text = "127.0.0.1:" + text
	}
	host, port, err := net.SplitHostPort(text)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 {
		return "", errors.New("write a port or HOST:PORT behind it")
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// address is PORT/path, HOST:PORT/path or //HOST:PORT/path as a URL.
func address(scheme, text string) (string, error) {
	authority, path, _ := strings.Cut(strings.TrimPrefix(text, "//"), "/")
	where, err := endpoint(authority)
	if err != nil && strings.HasPrefix(text, "//") {
		where, err = authority, nil // the scheme's port
	}
	u, bad := url.Parse(scheme + "://" + where + "/" + path)
	if err != nil || bad != nil || u.Host == "" || u.User != nil {
		return "", errors.New("write a port or HOST:PORT and a path behind it, such as http:8080/health")
	}
	return u.String(), nil
}

// waiting is what has to hold still, with what is wrong about it.
type waiting struct {
	mu  sync.Mutex
	all map[string]string
}

func (w *waiting) set(c Condition, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		delete(w.all, c.text)
		return
	}
	w.all[c.text] = err.Error()
}

func (w *waiting) has(c Condition) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.all[c.text]
	return ok
}

// list is what is waited for, each with its last answer.
func (w *waiting) list() (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for text, why := range w.all {
		out = append(out, text+" ("+why+")")
	}
	return out
}

// pauses between two looks.
const (
	firstPause = 5 * time.Millisecond
	longPause  = 250 * time.Millisecond
)

// await returns when look has succeeded, or with ctx.
func await(ctx context.Context, look func(context.Context) error, tell func(error)) {
	for pause := firstPause; ; pause = min(pause*3/2, longPause) {
		err := look(ctx)
		if ctx.Err() != nil {
			return
		}
		tell(err)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// ready is closed when all conditions hold.
func (l *launch) ready(ctx context.Context, c *command) <-chan struct{} {
	all := make(chan struct{})
	left := make(chan struct{}, len(l.Ready))
	for _, r := range l.Ready {
		c.waiting.set(r, errors.New("not yet"))
	}
	for _, r := range l.Ready {
		go func() {
			if l.holds(ctx, c, r) {
				c.waiting.set(r, nil)
				left <- struct{}{}
			}
		}()
	}
	go func() {
		for range l.Ready {
			select {
			case <-left:
			case <-ctx.Done():
				return
			}
		}
		close(all)
	}()
	return all
}

// holds returns true when a condition holds, false with ctx.
func (l *launch) holds(ctx context.Context, c *command, r Condition) bool {
	var happens <-chan struct{}
	switch r.kind {
	case "log":
		happens = c.found[r.text]
	case "notify":
		happens = c.inner.ready
	case "exit": // told by its end
	case "after":
		lived := time.NewTimer(r.after)
		defer lived.Stop()
		select {
		case <-lived.C:
			return true
		case <-ctx.Done():
			return false
		}
	default:
		held := false
		await(ctx, func(ctx context.Context) error { return c.prober.Look(ctx, r) }, func(err error) {
			held = err == nil
			if err != nil {
				c.waiting.set(r, err)
			}
		})
		return held
	}
	select {
	case <-happens:
		return true
	case <-ctx.Done():
		return false
	}
}
