package issuers

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/identity"
)

// When an issuer is asked.
const (
	refreshEvery = 5 * time.Minute  // while it answers
	readEvery    = 10 * time.Second // where its keys are in a file
	askedFor     = 10 * time.Second // at least between fetches that tokens ask for
	retryFirst   = time.Second      // after a failure, then twice as long each time
	retryMost    = time.Minute
	staleFor     = 24 * time.Hour // keys stay good without a word from the issuer
)

// source is where keys come from.
type source struct {
	fetch func(context.Context) ([]byte, error) // bounded in time and size
	local bool                                  // a file: no key of it ever goes stale
	from  string                                // for the log
}

// held are keys that have been fetched. They never change.
type held struct {
	keys  *identity.Keys
	at    time.Time // when they were, last
	until time.Time // how long they are good; zero is for ever
}

// keyring has the keys of one issuer. It is written by run alone.
type keyring struct {
	name    string
	source  source
	parse   func([]byte) (*identity.Keys, error)
	now     func() time.Time
	renewed func() // told when the keys are others

	current  atomic.Pointer[held]
	fetching atomic.Bool
	failing  atomic.Bool  // the last fetch failed
	tried    atomic.Int64 // when the last fetch began, in nanoseconds
	asked    chan struct{}
	fetches  atomic.Int64
	failures atomic.Int64
	said     string // the last complaint
	last     []byte // what the current keys were read from
}

// good are the keys to verify with, nil for none, and how long they are good.
func (k *keyring) good(now time.Time) (*identity.Keys, time.Time) {
	h := k.current.Load()
	if h == nil || !h.until.IsZero() && !now.Before(h.until) {
		return nil, time.Time{}
	}
	return h.keys, h.until
}

// look asks for newer keys, unless it was tried within ten seconds, and tells whether
// there may be newer ones: they are on their way, or the issuer didn't give them. It
// doesn't wait.
func (k *keyring) look(now time.Time) (maybe bool) {
	last := k.tried.Load()
	if k.fetching.Load() {
		return true
	}
	if now.UnixNano()-last < int64(askedFor) || !k.tried.CompareAndSwap(last, now.UnixNano()) {
		return k.fetching.Load() || k.failing.Load()
	}
	k.fetching.Store(true)
	select {
	case k.asked <- struct{}{}:
	default:
	}
	return true
}

// run fetches until ctx ends: there is but one fetch at a time.
func (k *keyring) run(ctx context.Context) {
	wait, failed := time.Duration(0), time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.asked:
		case <-time.After(wait):
		}
		ok := k.refresh(ctx)
		switch {
		case k.source.local:
			wait = readEvery
		case ok:
			wait, failed = refreshEvery, 0
		default:
			failed = min(max(2*failed, retryFirst), retryMost)
			wait = failed
		}
		wait -= rand.N(wait/5 + 1) //nolint:gosec // replicas shall not all come at once: no secret
	}
}

func (k *keyring) refresh(ctx context.Context) bool {
	k.fetching.Store(true)
	k.tried.Store(k.now().UnixNano())
	defer func() {
		select {
		case <-k.asked: // by a token that met this fetch just as it began
		default:
		}
		k.fetching.Store(false)
	}()
	began := k.now()
	k.fetches.Add(1)
	data, err := k.source.fetch(ctx)
	var keys *identity.Keys
	if h := k.current.Load(); err == nil && h != nil && bytes.Equal(data, k.last) {
		keys = h.keys
	} else if err == nil {
		keys, err = k.parse(data)
	}
	if ctx.Err() != nil {
		return false
	}
	if err != nil {
		k.failures.Add(1)
		k.failing.Store(true)
		k.complain(ctx, err)
		return false
	}
	k.last = data
	k.take(ctx, keys, began)
	k.failing.Store(false)
	return true
}

// take replaces all keys at once.
func (k *keyring) take(ctx context.Context, keys *identity.Keys, at time.Time) {
	next := &held{keys: keys, at: at}
	if !k.source.local {
		next.until = at.Add(staleFor)
	}
	before := k.current.Swap(next)
	recovered := k.said != ""
	k.said = ""
	if before != nil && keys.Same(before.keys) {
		if recovered {
			slog.InfoContext(ctx, "issuer answers again", "issuer", k.name, "from", k.source.from)
		}
		return
	}
	k.renewed()
	slog.InfoContext(ctx, "issuer's keys renewed", "issuer", k.name, "from", k.source.from, "keys", keys.Count)
	if len(keys.Passed) > 0 {
		slog.WarnContext(ctx, "keys of an issuer that are passed over", "issuer", k.name, "from", k.source.from, "keys", strings.Join(keys.Passed, "; "))
	}
}

// complain logs a failure once, until it is another.
func (k *keyring) complain(ctx context.Context, err error) {
	if k.said == err.Error() {
		return
	}
	k.said = err.Error()
	what := "issuer's keys not renewed, the last good ones stay in force"
	if keys, _ := k.good(k.now()); keys == nil {
		what = "issuer has no keys: its tokens can't be verified yet"
	}
	slog.ErrorContext(ctx, what, "issuer", k.name, "from", k.source.from, "error", err)
}

// state is what /ready says.
func (k *keyring) state(now time.Time) model.IssuerReadinessKeys {
	h := k.current.Load()
	switch keys, _ := k.good(now); {
	case keys == nil:
		return model.IssuerReadinessKeysNone
	case !k.source.local && now.Sub(h.at) > 2*refreshEvery:
		return model.IssuerReadinessKeysStale
	}
	return model.IssuerReadinessKeysFresh
}

func (k *keyring) counts(now time.Time) Count {
	c := Count{Fetches: k.fetches.Load(), Failures: k.failures.Load()}
	if h := k.current.Load(); h != nil {
		c.Renewed = h.at
		if keys, _ := k.good(now); keys != nil {
			c.Keys = keys.Count
		}
	}
	return c
}
