package outcomes

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/legivellum/metagate/internal/store"
)

const (
	// heldRefusals is how many kinds of refusals are held until they are written: with
	// more, those that nobody else is like are dropped, and counted.
	heldRefusals = 4096
	// keptRefusals is how many are kept: those seen last.
	keptRefusals  = 10_000
	flushEvery    = 3 * time.Second
	refusalsOnce  = 200 // in one transaction, which others wait for
	longestDetail = 512
)

// Refused is a request that was turned away.
type Refused struct {
	Tenant, Code, Operation string
	Principal, KeyPrefix    string // of the caller, or where nobody knows the credential, of that
	Component, Peer         string
	Detail                  string
	At                      time.Time
}

// Refusals are held in memory, counted, and written every few seconds. Methods are
// safe for concurrent use, and wait for no database.
type Refusals struct {
	Store *store.Store
	Now   func() time.Time
	Keep  time.Duration // RECEIPT_RETENTION_HOURS; 0 is for ever

	mu      sync.Mutex
	held    map[Refused]*counted // by all but Detail and At
	dropped atomic.Int64
}

type counted struct {
	n           int64
	first, last time.Time
	detail      string
}

// Add counts a refusal.
func (r *Refusals) Add(one Refused) {
	r.add(one, counted{1, one.At, one.At, clip(one.Detail, longestDetail)})
}

func (r *Refusals) add(key Refused, c counted) {
	key.Detail, key.At = "", time.Time{}
	r.mu.Lock()
	defer r.mu.Unlock()
	was, ok := r.held[key]
	switch {
	case ok:
		was.n += c.n
		if c.last.After(was.last) {
			was.last, was.detail = c.last, c.detail
		}
		if c.first.Before(was.first) {
			was.first = c.first
		}
	case len(r.held) >= heldRefusals:
		r.dropped.Add(c.n)
	case r.held == nil:
		r.held = map[Refused]*counted{}
		fallthrough
	default:
		r.held[key] = &c
	}
}

// clip makes a text such that a database takes it.
func clip(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// Dropped is how many refusals were not kept, since there were too many at once.
func (r *Refusals) Dropped() int64 { return r.dropped.Load() }

// Run writes them until ctx ends, and once more then.
func (r *Refusals) Run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(flushEvery):
		}
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushEvery)
		if err := r.Flush(short); err != nil {
			slog.WarnContext(ctx, "refusals not written, will try again", "error", err)
		}
		cancel()
	}
}

// Flush writes what is held. What could not be written is held on.
func (r *Refusals) Flush(ctx context.Context) error {
	r.mu.Lock()
	held := r.held
	r.held = nil
	r.mu.Unlock()
	if len(held) == 0 {
		return nil
	}
	var keys []Refused
	for key := range held {
		keys = append(keys, key)
	}
	var err error
	for len(keys) > 0 && err == nil {
		some := keys[:min(refusalsOnce, len(keys))]
		err = r.Store.InTxBeside(ctx, func(q store.Queries) error {
			for _, key := range some {
				c := held[key]
				err := q.PutRefusal(ctx, store.PutRefusalParams{
					ID: store.NewID(c.first), TenantKey: key.Tenant, Code: key.Code, Operation: key.Operation, PrincipalKey: key.Principal,
					KeyPrefix: key.KeyPrefix, ComponentKey: key.Component, RemoteAddr: key.Peer,
					N: c.n, FirstAt: c.first, LastAt: c.last, Detail: c.detail,
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			keys = keys[len(some):]
		}
	}
	for _, key := range keys {
		r.add(key, *held[key])
	}
	if err != nil {
		return err
	}
	return r.clean(ctx)
}

func (r *Refusals) clean(ctx context.Context) error {
	if r.Keep > 0 {
		if _, err := r.Store.DeleteOldRefusals(ctx, r.Now().Add(-r.Keep)); err != nil {
			return err
		}
	}
	_, err := r.Store.DeleteRefusalsBeyond(ctx, keptRefusals)
	return err
}
