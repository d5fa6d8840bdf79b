package identity

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/legivellum/metagate/internal/errs"
)

// guesses makes failed authentication cost its sender, and nobody else. A token
// bucket for each peer address and each key prefix is spent by 401s alone. When one
// is empty, who sends from there is answered 429 unless the credential is good, and
// that is told without the database:
//
//   - a remembered credential (remembered) is never held up;
//   - of an API key that isn't, the hash is looked for among those of all good keys,
//     which are read together, and only where somebody guesses: so ten thousand
//     components that start behind one NAT, or proxy, with an attacker beside them
//     all pass, while his guesses cost no query;
//   - of a JWT its signature tells, which needs no query either.
//
// A bucket that let some unknown keys through each second couldn't do that: at 5,000
// guesses a second the good ones would hardly ever be among those.
type guesses struct {
	burst   int // failures at once; 0 is no limit
	now     func() time.Time
	buckets *otter.Cache[string, *rate.Limiter]
	keys    keyring
}

const (
	failuresPerSecond = 1
	// maxBuckets bounds them to a few MiB; who has more addresses gets a fresh burst now and then.
	maxBuckets = 1 << 14
	// keyPrefix is how much of an API key its bucket goes by.
	keyPrefix = 12
)

func newGuesses(burst int, now func() time.Time, load func(context.Context) ([]string, error)) *guesses {
	return &guesses{
		burst: burst, now: now, keys: keyring{now: now, load: load},
		buckets: otter.Must(&otter.Options[string, *rate.Limiter]{MaximumSize: maxBuckets}),
	}
}

// senders are the buckets of a peer and of the API key that it sent, if any.
func senders(peer, apiKey string) []string {
	out := []string{peer}
	if addr, err := netip.ParseAddr(peer); err == nil {
		bits := 32
		if addr = addr.Unmap().WithZone(""); addr.Is6() {
			bits = 64
		}
		network, _ := addr.Prefix(bits) // of an address: can't fail
		out[0] = network.String()
	}
	if apiKey != "" {
		out = append(out, "key "+apiKey[:min(keyPrefix, len(apiKey))])
	}
	return out
}

// admit refuses an API key that can't be good, where too many were guessed.
func (g *guesses) admit(ctx context.Context, from []string, hash string) error {
	spent := func(sender string) bool {
		b, ok := g.buckets.GetIfPresent(sender)
		return ok && b.TokensAt(g.now()) < 1
	}
	if !slices.ContainsFunc(from, spent) {
		return nil
	}
	good, err := g.keys.has(ctx, hash)
	if err != nil || good {
		return err
	}
	return errTooMany
}

// failed spends what a failure costs, or tells that there is nothing left to spend.
func (g *guesses) failed(from []string) error {
	if g.burst == 0 {
		return nil
	}
	var err error
	for _, sender := range from {
		b, _ := g.buckets.ComputeIfAbsent(sender, func() (*rate.Limiter, bool) {
			return rate.NewLimiter(failuresPerSecond, g.burst), false
		})
		if !b.AllowN(g.now(), 1) {
			err = errTooMany
		}
	}
	return err
}

var errTooMany = errs.New(errs.TooManyRequests, "too many credentials from here were refused: try again later")

// keyring knows the hashes of all good API keys, as they were a moment ago: a key
// that was made within it is unknown where somebody guesses, until it is read again.
type keyring struct {
	now  func() time.Time
	load func(context.Context) ([]string, error)

	flight singleflight.Group
	mu     sync.Mutex
	hashes []uint64 // sorted; of each the first 64 bits
	due    time.Time
}

const (
	keyringAge     = time.Second
	keyringShare   = 20 // one part of the time, at most, goes to reading it
	keyringTimeout = 5 * time.Second
)

func (k *keyring) has(ctx context.Context, hash string) (bool, error) {
	if found, fresh := k.find(hash); found || fresh {
		return found, nil
	}
	read := k.flight.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keyringTimeout)
		defer cancel()
		return nil, k.read(ctx)
	})
	select {
	case r := <-read:
		found, _ := k.find(hash)
		return found, r.Err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (k *keyring) find(hash string) (found, fresh bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, found = slices.BinarySearch(k.hashes, head64(hash))
	return found, k.now().Before(k.due)
}

func (k *keyring) read(ctx context.Context) error {
	began := k.now()
	all, err := k.load(ctx)
	if err != nil {
		return err
	}
	hashes := make([]uint64, len(all))
	for i, hash := range all {
		hashes[i] = head64(hash)
	}
	slices.SortFunc(hashes, cmp.Compare)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hashes, k.due = hashes, k.now().Add(max(keyringAge, keyringShare*k.now().Sub(began)))
	return nil
}

// head64 is the first 64 bits of a hash in hex.
func head64(hash string) uint64 {
	var b [8]byte
	_, _ = hex.Decode(b[:], []byte(hash)[:16])
	return binary.BigEndian.Uint64(b[:])
}
