package app_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func limited(c *app.Config) { c.AuthFailureBurst = 20 }

// fleetOf gives a lab's principal n keys that no server has seen yet.
func fleetOf(t *testing.T, l *lab, n int) []string {
	t.Helper()
	keys := make([]string, n)
	now := store.Now()
	require.NoError(t, l.Store.InTx(t.Context(), func(q store.Queries) error {
		for i := range keys {
			var hash string
			keys[i], hash = identity.NewAPIKey()
			if _, err := q.CreateAPIKey(t.Context(), store.CreateAPIKeyParams{
				ID: store.NewID(now), TenantKey: l.principal.TenantKey, PrincipalID: l.principal.ID, Name: fmt.Sprint(i),
				KeyHash: hash, Status: "active", CreatedAt: now, UpdatedAt: now,
			}); err != nil {
				return err
			}
		}
		return nil
	}))
	return keys
}

// guesser sends credentials that are wrong, until its context ends or n are answered.
type guesser struct {
	app                      *apptest.App
	header, scheme           string
	refused, limited, answer atomic.Int64
}

func (g *guesser) run(ctx context.Context, n int) error {
	for range n {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.app.URL+"/v1/startup/00000000-0000-7000-8000-000000000000", http.NoBody)
		if err != nil {
			return err
		}
		r.Header.Set(g.header, g.scheme+rand.Text()+rand.Text())
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusUnauthorized:
			g.refused.Add(1)
		case http.StatusTooManyRequests:
			g.limited.Add(1)
		default:
			g.answer.Add(1)
		}
	}
	return nil
}

func TestWhoGuessesIsToldToWaitAndGoodCredentialsOfTheSameAddressAreNot(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		jwt := token(t, l.principal.AuthSubject)
		keys := fleetOf(t, l, 300)
		const senders, each = 4, 2500
		for _, g := range []*guesser{{app: a, header: "X-API-Key", scheme: identity.KeyPrefix}, {app: a, header: "Authorization", scheme: "Bearer "}} {
			var all sync.WaitGroup
			for range senders {
				all.Go(func() {
					if err := g.run(t.Context(), each); err != nil {
						t.Error(err)
					}
				})
			}
			for i := range 150 { // each for the first time, while the guesses come in
				startOf(t, a, keys[0], "c")
				startOf(t, a, jwt, "c")
				keys = keys[1:]
				if i%10 == 0 {
					l.start(t, "c")
					apptest.Got(l.admin.ListProfilesWithResponse(t.Context(), nil)).Is(t, 200)
				}
			}
			all.Wait()
			require.Zero(t, g.answer.Load())
			require.EqualValues(t, senders*each, g.refused.Load()+g.limited.Load())
			require.Greater(t, g.limited.Load(), 10*g.refused.Load(), g.header)
		}
		for _, c := range []string{identity.KeyPrefix + rand.Text() + rand.Text(), "a.b.c"} {
			got := wire{a, c}.knock(t)
			for range 40 { // the second that has passed since allows another
				if got.Status == http.StatusTooManyRequests {
					break
				}
				got = wire{a, c}.knock(t)
			}
			got.refused(t, 429, "TOO_MANY_REQUESTS")
			require.Equal(t, "1", got.Header.Get("Retry-After"))
		}
		wire{a, ""}.knock(t).refused(t, 401, "UNAUTHENTICATED") // who sends none guesses nothing
	}, limited)
}

func TestARevokedKeyThatKnocksOnAndOnIsToldToWait(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		l.start(t, "c")
		apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), l.key.ID, nil)).Is(t, 204)
		apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Fails(t, 401, "UNAUTHENTICATED")
		told := 0
		for range 200 {
			if got := (wire{a, l.key.APIKey}).knock(t); got.Status == http.StatusTooManyRequests {
				told++
			}
		}
		require.Greater(t, told, 150)
		apptest.Got(l.admin.ListProfilesWithResponse(t.Context(), nil)).Is(t, 200)
	}, limited)
}
