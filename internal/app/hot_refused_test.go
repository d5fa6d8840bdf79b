package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// requireShut demands that a credential opens neither bootstrap nor reports, and
// that none of them wrote anything.
func (l *lab) requireShut(t *testing.T, a *apptest.App, credential string, startup uuid.UUID, status int, code string) {
	t.Helper()
	c, before := patient(t, a, credential), receipts(t, l.App)
	apptest.Got(c.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Fails(t, status, code)
	apptest.Got(c.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c", PrincipalKey: "another"})).Fails(t, status, code)
	apptest.Got(c.ReportReadyWithResponse(t.Context(), ready(startup))).Fails(t, status, code)
	apptest.Got(c.ReportFailedWithResponse(t.Context(), failed(startup))).Fails(t, status, code)
	apptest.Got(c.ReportFailedWithResponse(t.Context(), model.FailedReport{StartupID: startup, Error: "e", Details: patch(`{"jobs":1}`)})).Fails(t, status, code)
	require.Equal(t, before, receipts(t, l.App))
	rows, _ := adminList[model.StartupSession](t, l.App, "startups")
	for _, row := range rows {
		if row.StartupID == startup {
			require.Equal(t, model.StartupStatusOPEN, row.Status)
		}
	}
}

func TestACredentialThatIsWithdrawnIsRefusedByTheNextRequestOnEveryServer(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		servers := [2]*apptest.App{apptest.Start(t, url), apptest.Start(t, url)}
		update := func(l *lab, body string) {
			apptest.Got(l.admin.UpdateAPIKeyWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.key.ID, nil, patch(body))).Is(t, 200)
		}
		for _, w := range map[string]struct {
			do       func(l *lab)
			key, jwt int // the statuses of either credential afterwards; 0 is open
		}{
			"the key is revoked": {func(l *lab) {
				apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), l.key.ID, nil)).Is(t, 204)
			}, 401, 0},
			"the key expires in the past": {func(l *lab) { update(l, `{"expires_at":"2020-01-01T00:00:00Z"}`) }, 401, 0},
			"the principal is deleted": {func(l *lab) {
				apptest.Got(l.admin.DeletePrincipalWithResponse(t.Context(), l.principal.ID.String(), nil)).Is(t, 204)
			}, 401, 403},
			"the principal is disabled": {func(l *lab) {
				apptest.Got(l.admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.principal.ID.String(), nil, patch(`{"status":"disabled"}`))).Is(t, 200)
			}, 403, 403},
			"the subject is another's": {func(l *lab) {
				apptest.Got(l.admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.principal.ID.String(), nil, patch(`{"auth_subject":"another `+l.principal.PrincipalKey+`"}`))).Is(t, 200)
			}, 0, 403},
		} {
			for i := range servers {
				l := newLab(t, servers[i])
				jwt := token(t, l.principal.AuthSubject)
				for _, a := range servers { // each knows both credentials
					startOf(t, a, l.key.APIKey, "c")
					startOf(t, a, jwt, "c")
				}
				id := l.start(t, "c").Startup.StartupID
				w.do(l)
				for n := range servers {
					a := servers[(i+1+n)%2]
					for credential, status := range map[string]int{l.key.APIKey: w.key, jwt: w.jwt} {
						switch status {
						case 0:
							startOf(t, a, credential, "c")
						case 401:
							l.requireShut(t, a, credential, id, status, "UNAUTHENTICATED")
						default:
							l.requireShut(t, a, credential, id, status, "FORBIDDEN")
						}
					}
				}
			}
		}
	})
}

func TestACredentialIsNotAcceptedPastItsExpiryThoughItIsKnown(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		expires := time.Now().Add(3 * time.Second).Truncate(time.Second)
		key := apptest.Got(l.admin.CreateAPIKeyWithResponse(t.Context(), nil, model.APIKeyCreate{
			PrincipalID: l.principal.ID.String(), Name: "short", ExpiresAt: nullable.NewNullableWithValue(expires),
		})).Is(t, 201).JSON201.APIKey
		jwt := forge(t, "HS256", apptest.JWTSecret, claimSet(l.principal.AuthSubject, map[string]any{"exp": expires.Unix()}))
		for _, credential := range []string{key, jwt} {
			for open := true; open; {
				past := !time.Now().Before(expires) // when it is sent
				r, err := patient(t, a, credential).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})
				require.NoError(t, err)
				if open = r.StatusCode() == 200; open {
					require.False(t, past, "accepted past its expiry")
				} else {
					require.Equal(t, 401, r.StatusCode())
					require.False(t, time.Now().Before(expires), "refused before its expiry")
				}
			}
		}
		l.requireShut(t, a, key, l.start(t, "c").Startup.StartupID, 401, "UNAUTHENTICATED")
		l.requireShut(t, a, jwt, l.start(t, "c").Startup.StartupID, 401, "UNAUTHENTICATED")
	})
}

func TestUnderLoadNoBootstrapShowsTheWorldBeforeAnAnsweredChange(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		servers := [2]*apptest.App{apptest.Start(t, url), apptest.Start(t, url)}
		l := newLab(t, servers[0])
		var answered atomic.Int64 // the last change that was answered
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var all sync.WaitGroup
		var served atomic.Int64
		wrong := make(chan string, 100)
		for i := range 8 {
			c := servers[i%2].Client(t, l.key.APIKey)
			all.Go(func() {
				for ctx.Err() == nil {
					if s := showsAtLeast(t, c, answered.Load()); s != "" {
						select {
						case wrong <- s:
						default:
						}
					}
					served.Add(1)
				}
			})
		}
		for n := 1; n <= 100; {
			c := servers[n%2].AdminClient(t)
			r, err := c.UpdateProfileWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.profile.ID.String(), nil,
				patch(fmt.Sprintf(`{"capabilities":{"n":%d}}`, n)))
			require.NoError(t, err)
			switch r.StatusCode() {
			case http.StatusOK:
				answered.Store(int64(n))
				before := served.Load()
				until(t, func() bool { return served.Load() >= before+8 })
				n++
			case http.StatusServiceUnavailable: // the other server has SQLite's lock
			default:
				require.Fail(t, "the change was refused", "%s", r.Body)
			}
		}
		stop()
		all.Wait()
		close(wrong)
		for s := range wrong {
			require.Fail(t, s)
		}
	})
}

// showsAtLeast says what is wrong with a bootstrap that starts now; 503 is not.
func showsAtLeast(t *testing.T, c *client.ClientWithResponses, change int64) string {
	t.Helper()
	r, err := c.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})
	switch {
	case err != nil:
		return err.Error()
	case r.StatusCode() == http.StatusServiceUnavailable:
		return ""
	case r.StatusCode() != http.StatusOK:
		return string(r.Body)
	}
	var shows struct{ N int64 }
	if err := json.Unmarshal(r.JSON200.Capabilities, &shows); err != nil {
		return err.Error()
	}
	if shows.N < change {
		return fmt.Sprintf("stale: it shows %d after %d was answered", shows.N, change)
	}
	return ""
}
