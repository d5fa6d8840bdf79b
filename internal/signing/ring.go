// Package signing signs packets, so that a component can tell a packet on its disk from
// one that somebody made (contract 15): a JWS with detached content (RFC 7515,
// appendix F) and Ed25519 (RFC 8037), and the keys to verify it with as a JWK set.
package signing

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/legivellum/metagate/internal/files"
)

const (
	// renewEvery bounds how old the iat of a signature is: it tells a packet that is
	// still answered from one that was put away.
	renewEvery = time.Hour
	pollEvery  = 30 * time.Second
	typ        = "metagate-packet+jws"
)

// Ring are the keys of a file. A nil Ring signs nothing and publishes nothing.
type Ring struct {
	path string
	log  *slog.Logger
	now  func() time.Time

	current atomic.Pointer[period]

	mu   sync.Mutex
	keys []key
	read string // what the file said last, or the error
}

// period is a time in which a signature doesn't change.
type period struct {
	stamp  int64
	signer *key // nil where every key has expired
	end    time.Time
}

// Open reads the keys of the PEM file at path. An error is one line that names
// SIGNING_KEY_FILE.
func Open(path string, now func() time.Time, log *slog.Logger) (*Ring, error) {
	r := &Ring{path: path, log: log, now: now}
	keys, text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	r.keys, r.read = keys, text
	r.advance(now())
	return r, nil
}

// Watch looks every 30 seconds whether the file has changed, until ctx ends. One that
// is gone or broken leaves the last good keys in force, and is logged once.
func (r *Ring) Watch(ctx context.Context) {
	if r == nil {
		return
	}
	files.Follow(ctx, pollEvery, r.Reload)
}

// Reload reads the file again, at once.
func (r *Ring) Reload(ctx context.Context) {
	keys, text, err := readFile(r.path)
	r.mu.Lock()
	changed := text != r.read
	r.read = text
	if changed && err == nil {
		r.keys = keys
	}
	r.mu.Unlock()
	switch {
	case !changed:
	case err != nil:
		r.log.ErrorContext(ctx, "signing keys not renewed, the last good ones stay in force", "error", err)
	default:
		r.advance(r.now())
		r.log.InfoContext(ctx, "signing keys renewed", "file", r.path, "keys", len(keys))
	}
}

// Stamp names the period that now is in: while it is the same, so is a signature. It
// is 0 where nothing is signed.
func (r *Ring) Stamp(now time.Time) int64 {
	if r == nil {
		return 0
	}
	p := r.current.Load()
	if !now.Before(p.end) {
		p = r.advance(now)
	}
	return p.stamp
}

func (r *Ring) advance(now time.Time) *period {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := &period{stamp: 1, end: now.Truncate(renewEvery).Add(renewEvery)}
	if last := r.current.Load(); last != nil {
		next.stamp = last.stamp + 1
	}
	for i, k := range r.keys {
		if k.from.After(now) {
			next.end = earliest(next.end, k.from)
		} else if k.private != nil && k.valid(now) {
			next.signer = &r.keys[i]
		}
	}
	if s := next.signer; s == nil {
		r.log.Warn("packets are not signed: every key of SIGNING_KEY_FILE has expired", "file", r.path)
	} else if !s.until.IsZero() {
		next.end = earliest(next.end, s.until)
	}
	r.current.Store(next)
	return next
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Claims are what a signature says beside the packet.
type Claims struct {
	Tenant   string
	Revision int64 // of the tenant's world that the packet was read from
}

// Sign returns the detached JWS over content in the compact form, HEADER..SIGNATURE; it
// is empty where nothing is signed. It takes some 30 µs.
func (r *Ring) Sign(content []byte, c Claims) string {
	if r == nil {
		return ""
	}
	k := r.current.Load().signer
	if k == nil {
		return ""
	}
	h := jws.NewHeaders()
	for name, value := range map[string]any{
		jws.TypeKey: typ, jws.KeyIDKey: k.id, "iat": r.now().Unix(), "rev": c.Revision, "tenant": c.Tenant,
	} {
		if err := h.Set(name, value); err != nil {
			return r.unsigned(err)
		}
	}
	out, err := jws.Sign(nil, jws.WithKey(jwa.EdDSA, k.private, jws.WithProtectedHeaders(h)), jws.WithDetachedPayload(content))
	if err != nil {
		return r.unsigned(err)
	}
	return string(out)
}

func (r *Ring) unsigned(err error) string {
	r.log.Error("a packet could not be signed", "error", err)
	return ""
}
