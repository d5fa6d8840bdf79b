package app_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestARevokedCredentialThatIsUsedIsAConflict(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		l.start(t, "c")
		wire{a, "mgk_" + strings.Repeat("n", 43)}.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`).refused(t, 401, "UNAUTHENTICATED")
		apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), l.key.ID, nil)).Is(t, 204)
		for range 3 {
			wire{a, l.key.APIKey}.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`).refused(t, 401, "UNAUTHENTICATED")
			wire{a, l.key.APIKey}.send(t, "GET", "/v1/admin/principals", "").refused(t, 401, "UNAUTHENTICATED")
		}
		e := l.told(t, model.EventTypeIdentityConflict, 1)[0]
		require.Equal(t, "principals/"+l.principal.PrincipalKey, e.Subject)
		data := dataOf(t, e)
		require.Equal(t, "credential", data["conflict"])
		require.Equal(t, "revoked API key "+l.key.ID.String(), data["detail"])
		require.NotEmpty(t, data["remote_addr"])
	})
}

func TestARevokedCredentialHidesNoOtherHoweverOftenItIsUsed(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		l.start(t, "c")
		require.NoError(t, a.Store.InTx(t.Context(), func(q store.Queries) (err error) {
			now := store.Now()
			put := func(principal, component string) error {
				now = now.Add(time.Microsecond)
				return q.PutRefusal(t.Context(), store.PutRefusalParams{
					ID: store.NewID(now), TenantKey: "default", Code: "UNAUTHENTICATED", Operation: "bootstrap", PrincipalKey: principal, KeyPrefix: "mgk_a",
					ComponentKey: component, RemoteAddr: "10.0.0.1", N: 1, FirstAt: now, LastAt: now, Detail: "revoked",
				})
			}
			for n := 0; n < 1100 && err == nil; n++ { // more than two pages
				err = put("noisy", fmt.Sprint("c", n))
			}
			return errors.Join(err, put("quiet", "c"))
		}))
		all := l.told(t, model.EventTypeIdentityConflict, 2)
		require.Equal(t, []string{"principals/noisy", "principals/quiet"}, []string{all[0].Subject, all[1].Subject})
	})
}

func TestAnExpiredCredentialThatIsUsedIsAConflict(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		key := *apptest.Got(l.admin.CreateAPIKeyWithResponse(t.Context(), nil, model.APIKeyCreate{
			PrincipalID: l.principal.ID.String(), Name: "short", ExpiresAt: nullable.NewNullableWithValue(store.Now().Add(time.Second)),
		})).Is(t, 201).JSON201
		until(t, func() bool {
			return wire{a, key.APIKey}.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`).Status == 401
		})
		data := dataOf(t, l.told(t, model.EventTypeIdentityConflict, 1)[0])
		require.Equal(t, "credential", data["conflict"])
		require.Contains(t, data["detail"], "expired")
		require.Contains(t, data["detail"], key.ID.String())
	})
}

func TestAnInstanceInTwoPlacesIsAConflict(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, now := newLab(t, a), store.Now().Add(-5*time.Second)
		open := func(instance, addr string, after time.Duration) uuid.UUID {
			return l.opened(t, store.OpenStartupParams{InstanceID: &instance, RemoteAddr: &addr, OpenedAt: now.Add(after), DeadlineAt: now.Add(time.Hour)})
		}
		open("restarted", "10.0.0.1", 0)
		open("restarted", "10.0.0.1", time.Second)
		open("alone", "10.0.0.2", 0)
		open("twin", "10.0.0.1", 0)
		second := open("twin", "10.0.0.2", time.Second)
		open("twin", "10.0.0.1", 2*time.Second)
		e := l.told(t, model.EventTypeIdentityConflict, 1)[0]
		data := dataOf(t, e)
		require.Equal(t, []any{"instance", "twin"}, []any{data["conflict"], data["instance_id"]})
		require.Contains(t, string(e.Data), second.String())
		require.NotContains(t, string(e.Data), `"restarted"`)
	})
}
