package component

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	pathBackfill     = "/v1/startup/backfill"
	maxBackfill      = 100       // starts in one request
	maxBackfillBytes = 512 << 10 // of its body, of which MetaGate takes 1 MiB
	// The pauses of who tells of starts, while nobody waits for it.
	firstWait = time.Second
	longWait  = 30 * time.Second
)

// lingering is how long the end of a startup waits for what is being told.
var lingering = time.Second

// untold is a start that MetaGate hasn't been told of, or not how it ended: an
// OfflineStartup of POST /v1/startup/backfill.
type untold struct {
	StartupID    string            `json:"startup_id"`
	ComponentKey string            `json:"component_key"`
	PacketETag   string            `json:"packet_etag"`
	OpenedAt     time.Time         `json:"opened_at"`
	InstanceID   string            `json:"instance_id,omitempty"`
	Host         string            `json:"host,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	Status       string            `json:"status,omitempty"`
	ClosedAt     *time.Time        `json:"closed_at,omitempty"`
	BuildVersion string            `json:"build_version,omitempty"`
	Health       any               `json:"health,omitempty"`
	Error        string            `json:"error,omitempty"`
	Details      any               `json:"details,omitempty"`
}

// outbox has the starts that MetaGate isn't told of yet, each in a file: who ends before
// MetaGate is back leaves them to the next start.
type outbox struct {
	c   *caller
	dir string

	mu      sync.Mutex
	mine    map[string][]byte // the files to tell of, by name; with the text where it could not be written
	running bool
	quiet   chan struct{} // closed when it runs no more
	away    bool          // MetaGate gave no answer
	changed bool          // since the last look at the files
}

func newOutbox(c *caller) *outbox {
	return &outbox{c: c, dir: filepath.Join(c.CacheDir, "starts-"+url.PathEscape(c.Component)), mine: map[string][]byte{}}
}

// put keeps a start, in the place of what was kept of it before, and has it told.
func (o *outbox) put(u untold) error {
	text, err := json.Marshal(u)
	if err != nil {
		return err
	}
	name := filepath.Join(o.dir, u.StartupID+".json")
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mine[name] = nil
	if err := write(name, json.RawMessage(text)); err != nil {
		o.c.Logger.Warn("a start is kept in memory alone, to tell MetaGate of it", "error", err)
		o.mine[name] = text
	}
	o.changed, o.away = true, true
	o.begin()
	return nil
}

// resume has told what those before have left, and may be telling themselves: MetaGate
// records each once.
func (o *outbox) resume() {
	files, _ := os.ReadDir(o.dir) // there need be none
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range files {
		if name := filepath.Join(o.dir, f.Name()); strings.HasSuffix(name, ".json") {
			o.mine[name] = nil
			o.begin()
		}
	}
}

// begin tells in the background until nothing is left; it is of who has the lock.
func (o *outbox) begin() {
	if !o.running {
		o.running, o.quiet = true, make(chan struct{})
		go o.run()
	}
}

// linger lets a process end that has told of what it can: for one that runs for
// milliseconds there would never be the time. Where MetaGate is away it waits for nothing.
func (o *outbox) linger() {
	o.mu.Lock()
	running, quiet := o.running && !o.away, o.quiet
	o.mu.Unlock()
	if !running {
		return
	}
	select {
	case <-quiet:
	case <-time.After(lingering):
	}
}

func (o *outbox) run() {
	ctx := context.Background()
	for wait := firstWait; ; wait = min(2*wait, longWait) {
		o.mu.Lock()
		o.changed = false
		o.mu.Unlock()
		err := o.tell(ctx, o.c.ReportBudget)
		o.mu.Lock()
		o.away = errors.Is(err, ErrUnavailable)
		if (err == nil && !o.changed) || (err != nil && !errors.Is(err, ErrUnavailable)) {
			o.running = false
			close(o.quiet)
			o.mu.Unlock()
			if err != nil {
				o.c.Logger.Warn("MetaGate will not be told of starts without it; their files stay", "error", err, "directory", o.dir)
			}
			return
		}
		o.mu.Unlock()
		if err == nil {
			wait = firstWait / 2
			continue
		}
		_ = o.c.clock.sleep(ctx, o.c.clock.jitter(wait))
	}
}

// tell tells once of all that there is.
func (o *outbox) tell(ctx context.Context, budget time.Duration) error {
	for all := o.all(); len(all) > 0; {
		n := together(all)
		if err := o.deliver(ctx, all[:n], budget); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

func (o *outbox) all() (out []letter) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, text := range o.mine {
		if text == nil {
			var err error
			if text, err = os.ReadFile(name); err != nil || !json.Valid(text) {
				if !errors.Is(err, fs.ErrNotExist) { // another has told of it
					o.c.Logger.Warn("a start that can't be read is not told of", "file", name, "error", err)
				}
				delete(o.mine, name)
				continue
			}
		}
		out = append(out, letter{name, text, withoutNUL(text)})
	}
	return out
}

func (o *outbox) send(ctx context.Context, letters []letter, budget time.Duration) error {
	starts := make([]json.RawMessage, len(letters))
	for i, l := range letters {
		starts[i] = l.says
	}
	body, err := json.Marshal(map[string][]json.RawMessage{"startups": starts})
	if err != nil {
		return err
	}
	var answer struct {
		Results []struct {
			StartupID string `json:"startup_id"`
			Result    string `json:"result"`
			Detail    string `json:"detail"`
		} `json:"results"`
	}
	err = o.c.call(ctx, request{path: pathBackfill, body: body, budget: budget, accept: func(_ http.Header, body []byte) error {
		if err := json.Unmarshal(body, &answer); err != nil {
			return err
		}
		if len(answer.Results) != len(letters) {
			return errors.New("not as many results as starts")
		}
		return nil
	}})
	if err != nil {
		return err
	}
	for i, r := range answer.Results {
		if r.Result == "refused" {
			o.c.Logger.WarnContext(ctx, "MetaGate refuses to record a start without it", "startup_id", r.StartupID, "detail", r.Detail)
		} else {
			o.c.Logger.InfoContext(ctx, "MetaGate knows of a start without it", "startup_id", r.StartupID, "result", r.Result)
		}
		o.done(letters[i], os.Remove)
	}
	return nil
}

// done forgets a start, unless it says something else by now: file is what its file then meets.
func (o *outbox) done(l letter, file func(name string) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.mine[l.name]
	if text, err := os.ReadFile(l.name); err == nil && now == nil {
		now = text
		if bytes.Equal(text, l.text) {
			_ = file(l.name)
		}
	}
	if now == nil || bytes.Equal(now, l.text) {
		delete(o.mine, l.name)
	}
}
