package identity

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
)

// porch is a server's door: keys that open it, and how often they were read.
type porch struct {
	*guesses
	clock  time.Time
	good   map[string]string // hashes of keys
	loads  int
	looked int // single look-ups
}

func newPorch(burst int) *porch {
	p := &porch{clock: time.Unix(1000, 0), good: map[string]string{}}
	p.guesses = newGuesses(burst, func() time.Time { return p.clock }, func(context.Context) ([]string, error) {
		p.loads++
		var out []string
		for _, hash := range p.good {
			out = append(out, hash)
		}
		return out, nil
	})
	return p
}

func (p *porch) issue() string {
	key, hash := NewAPIKey()
	p.good[key] = hash
	return key
}

// try is what the server does with an API key that it doesn't remember.
func (p *porch) try(t *testing.T, peer, key string) error {
	t.Helper()
	hash, err := HashAPIKey(key)
	require.NoError(t, err)
	from := senders(peer, key)
	if err := p.admit(t.Context(), from, hash); err != nil {
		return err
	}
	if p.looked++; p.good[key] == hash {
		return nil
	}
	if err := p.failed(from); err != nil {
		return err
	}
	return Unauthenticated(nil)
}

func TestTwentyThousandGuessesCostAFewLookUpsAndNoGoodKeyAnAnswer(t *testing.T) {
	t.Parallel()
	p := newPorch(20)
	fleet := make([]string, 10_000)
	for i := range fleet {
		fleet[i] = p.issue()
	}
	refused := map[errs.Code]int{}
	for i := range 20_000 { // four seconds at 5,000 a second
		p.clock = p.clock.Add(200 * time.Microsecond)
		guess := KeyPrefix + rand.Text() + rand.Text()
		refused[errs.From(p.try(t, "192.0.2.1", guess)).Code]++
		if i%2 == 0 {
			require.NoError(t, p.try(t, "192.0.2.1", fleet[i/2]), "behind the same address, never seen before")
		}
	}
	require.InDelta(t, 24, refused[errs.Unauthenticated], 1, "20, and one a second")
	require.Equal(t, 20_000, refused[errs.Unauthenticated]+refused[errs.TooManyRequests])
	require.InDelta(t, 10_000+24, p.looked, 1)
	require.LessOrEqual(t, p.loads, 5)
}

func TestAKeyThatWasJustMadeIsKnownASecondLaterWhereSomebodyGuesses(t *testing.T) {
	t.Parallel()
	p := newPorch(1)
	for range 3 {
		require.Error(t, p.try(t, "192.0.2.1", "guess-guess-guess"))
	}
	key := p.issue()
	require.NoError(t, p.try(t, "192.0.2.2", key), "elsewhere at once")
	p.clock = p.clock.Add(keyringAge)
	require.Error(t, p.try(t, "192.0.2.1", "guess-guess-guess"))
	require.NoError(t, p.try(t, "192.0.2.1", key))
}

func TestOneKeyIsNotGuessedAtFromManyAddresses(t *testing.T) {
	t.Parallel()
	p := newPorch(20)
	key := p.issue()
	for i := range 1000 {
		require.Error(t, p.try(t, fmt.Sprintf("192.0.2.%d", i%250), key[:keyPrefix]+rand.Text()))
		require.NoError(t, p.try(t, "192.0.2.1", key))
	}
	require.Equal(t, 1000+20, p.looked)
}

func TestABucketFillsAgain(t *testing.T) {
	t.Parallel()
	p := newPorch(2)
	from := senders("192.0.2.1", "")
	for range 3 {
		require.NoError(t, p.failed(from))
		require.NoError(t, p.failed(from))
		require.ErrorIs(t, p.failed(from), errTooMany)
		p.clock = p.clock.Add(2 * time.Second)
	}
	require.NoError(t, p.failed(senders("192.0.2.2", "")), "another's is another")
}

func TestWithoutALimitNothingIsCounted(t *testing.T) {
	t.Parallel()
	p := newPorch(0)
	for range 1000 {
		require.True(t, errs.Is(p.try(t, "192.0.2.1", "guess-guess-guess"), errs.Unauthenticated))
	}
	require.Zero(t, p.loads)
}

func TestAnAddressStandsForItsNetwork(t *testing.T) {
	t.Parallel()
	for peer, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "::ffff:192.0.2.1": "192.0.2.1/32",
		"2001:db8::1": "2001:db8::/64", "2001:db8::ffff:1": "2001:db8::/64", "2001:db8:0:1::1": "2001:db8:0:1::/64",
		"fe80::1%eth0": "fe80::/64", "@": "@", "": "",
	} {
		require.Equal(t, []string{want}, senders(peer, ""), peer)
	}
	require.Equal(t, []string{"192.0.2.1/32", "key mgk_01234567"}, senders("192.0.2.1", "mgk_0123456789"))
	require.Equal(t, []string{"192.0.2.1/32", "key x"}, senders("192.0.2.1", "x"))
}

func TestTheBucketsAreBounded(t *testing.T) {
	t.Parallel()
	p := newPorch(1)
	for i := range 4 * maxBuckets {
		_ = p.failed(senders(fmt.Sprintf("2001:db8:%x:%x::1", i>>8, i&0xff), ""))
	}
	p.buckets.CleanUp()
	require.LessOrEqual(t, p.buckets.EstimatedSize(), maxBuckets)
}
