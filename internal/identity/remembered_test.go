package identity

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

// desk counts how often it is asked who a credential belongs to.
type desk struct {
	asked      int
	now        time.Time
	generation uint64
	expires    time.Time
	err        error
	*remembered
}

func newDesk(maxBytes uint64) *desk {
	d := &desk{now: time.Unix(1000, 0)}
	d.remembered = newRemembered(maxBytes, func() time.Time { return d.now }, func() uint64 { return d.generation })
	return d
}

func (d *desk) knock(t *testing.T, scheme Scheme, credential string, fresh bool) (Caller, error) {
	t.Helper()
	return d.get(Shown{scheme, credential}, fresh, func(bool) (Caller, error) {
		d.asked++
		return Caller{PrincipalKey: fmt.Sprint(d.asked), ExpiresAt: d.expires}, d.err
	})
}

func TestAKnownCredentialIsNotReadAgainUnlessFreshIsWanted(t *testing.T) {
	t.Parallel()
	d := newDesk(1 << 20)
	for range 3 {
		who, err := d.knock(t, "bearerAuth", "x", false)
		require.NoError(t, err)
		require.Equal(t, "1", who.PrincipalKey)
	}
	who, err := d.knock(t, "bearerAuth", "x", true)
	require.NoError(t, err)
	require.Equal(t, "2", who.PrincipalKey)
	who, err = d.knock(t, "bearerAuth", "x", false)
	require.NoError(t, err)
	require.Equal(t, "2", who.PrincipalKey, "what was read last is remembered")
	_, err = d.knock(t, "apiKeyAuth", "x", false)
	require.NoError(t, err)
	_, err = d.knock(t, "bearerAuth", "X", false)
	require.NoError(t, err)
	require.Equal(t, 4, d.asked, "another scheme and another credential are others")
}

func TestARefusalIsNotRemembered(t *testing.T) {
	t.Parallel()
	d := newDesk(1 << 20)
	d.err = errors.New("no")
	for n := range 3 {
		_, err := d.knock(t, "bearerAuth", "x", false)
		require.ErrorIs(t, err, d.err)
		require.Equal(t, n+1, d.asked)
	}
	d.err = nil
	_, err := d.knock(t, "bearerAuth", "x", false)
	require.NoError(t, err)
}

func TestACredentialIsNeverRememberedPastItsExpiry(t *testing.T) {
	t.Parallel()
	d := newDesk(1 << 20)
	d.expires = d.now.Add(time.Second)
	_, err := d.knock(t, "bearerAuth", "x", false)
	require.NoError(t, err)
	d.now = d.expires.Add(-time.Nanosecond)
	_, err = d.knock(t, "bearerAuth", "x", false)
	require.NoError(t, err)
	require.Equal(t, 1, d.asked)
	d.err = errors.New("expired") // as whoever reads it would say
	for _, now := range []time.Time{d.expires, d.expires.Add(time.Nanosecond), d.expires.Add(time.Hour)} {
		d.now = now
		_, err = d.knock(t, "bearerAuth", "x", false)
		require.ErrorIs(t, err, d.err)
	}
}

func TestNewKeysForTokensForgetWhatWasVerifiedUnderTheOldOnes(t *testing.T) {
	t.Parallel()
	d := newDesk(1 << 20)
	_, err := d.knock(t, "bearerAuth", "x", false)
	require.NoError(t, err)
	d.generation++
	d.err = errors.New("unknown kid")
	_, err = d.knock(t, "bearerAuth", "x", false)
	require.ErrorIs(t, err, d.err)
}

func TestKnownCredentialsStayWithinTheirBound(t *testing.T) {
	t.Parallel()
	for _, bound := range []uint64{0, 1, 2_000, 1 << 20} {
		c := newRemembered(bound, time.Now, func() uint64 { return 0 })
		for n := range 3000 {
			_, err := c.get(Shown{Bearer, fmt.Sprint(n)}, false, func(bool) (Caller, error) {
				return Caller{Overrides: store.JSON(strings.Repeat("x", n))}, nil
			})
			require.NoError(t, err)
			if n%100 == 0 {
				c.cache.CleanUp()
				require.LessOrEqual(t, c.cache.WeightedSize(), max(bound, 1))
			}
		}
		c.cache.CleanUp()
		require.LessOrEqual(t, c.cache.WeightedSize(), max(bound, 1))
		if bound == 1<<20 {
			require.Greater(t, c.cache.EstimatedSize(), 200, "it does keep some")
		}
	}
}
