package identity_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/identity"
)

// Not parallel: it catches the default log. The clock is synctest's.
func TestAChangedKeySetIsPickedUpAndABrokenOneIsNot(t *testing.T) {
	var log lockedBuffer
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))

	path := file(t, jwks(publicJWK(p256(), "kid", "old")))
	old := sign(t, "ES256", p256(), "kid", "old")
	next := sign(t, "ES256", p256(), "kid", "new")
	v := newVerifier(t, identity.JWTConfig{Algorithm: "ES256", JWKSFile: path})
	write := func(s string) { require.NoError(t, os.WriteFile(path, []byte(s), 0o600)) }

	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go v.Watch(ctx)
		poll := func() { time.Sleep(31 * time.Second); synctest.Wait() }

		poll()
		require.Empty(t, log.take())

		for _, broken := range []string{"", jwks(), jwks("{}", `{"kty":"oct","k":"AAAA"}`)} {
			write(broken)
			poll()
			poll()
			require.Equal(t, 1, strings.Count(log.take(), "JWT keys not renewed"), "once per change")
			_, err := v.Verify(old)
			require.NoError(t, err)
		}
		require.NoError(t, os.Remove(path))
		poll()
		poll()
		require.Equal(t, 1, strings.Count(log.take(), "no such file"))
		require.True(t, v.Enabled())

		write(jwks(publicJWK(p256(), "kid", "new")))
		refused(t, v, next, "kid") // until the next look
		poll()
		require.Contains(t, log.take(), "JWT keys renewed")
		refused(t, v, old, "kid")
		_, err := v.Verify(next)
		require.NoError(t, err)

		cancel()
		synctest.Wait() // Watch ends, else synctest fails
	})
}

func TestVerifyingWhileKeysAreRenewedIsSafe(t *testing.T) {
	t.Parallel()
	one := publicJWK(p256(), "kid", "a")
	sets := []string{jwks(one), jwks(one, publicJWK(p256(), "kid", "b"))}
	path := file(t, sets[0])
	v := newVerifier(t, identity.JWTConfig{Algorithm: "ES256", JWKSFile: path})
	good, bad := sign(t, "ES256", p256(), "kid", "a"), sign(t, "ES256", p256(), "kid", "c")

	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				_, err := v.Verify(good)
				assert.NoError(t, err)
				_, err = v.Verify(bad)
				assert.Error(t, err)
			}
		})
	}
	for i := range 50 {
		require.NoError(t, os.WriteFile(path, []byte(sets[i%2]), 0o600))
		v.Refresh(t.Context())
	}
	wg.Wait()
}

// lockedBuffer is a log that can be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// take empties the log.
func (l *lockedBuffer) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.b.Reset()
	return l.b.String()
}
