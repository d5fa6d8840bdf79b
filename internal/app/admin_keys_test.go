package app_test

import (
	"testing"
	"time"

	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func (l *lab) opens(t *testing.T, key string) bool {
	t.Helper()
	r, err := l.Client(t, key).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})
	require.NoError(t, err)
	if r.StatusCode() == 200 {
		return true
	}
	apptest.Got(r, err).Fails(t, 401, "UNAUTHENTICATED")
	return false
}

func TestAPrincipalMayHaveManyKeysAndLosesThemOneByOne(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		keys := []model.APIKeyIssued{l.key, l.addKey(t, l.principal.ID), l.addKey(t, l.principal.ID)}
		for i, key := range keys {
			require.Regexp(t, `^mgk_[A-Za-z0-9_-]{43}$`, key.APIKey)
			for j, k := range keys {
				require.Equal(t, j >= i, l.opens(t, k.APIKey))
			}
			apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), key.ID, nil)).Is(t, 204)
			require.False(t, l.opens(t, key.APIKey), "at once")
		}
		for status, want := range map[string]int{"active": 0, "revoked": 3} {
			rows, _ := adminList[model.APIKey](t, a, "api-keys?status="+status+"&principal_id="+l.principal.ID.String())
			require.Len(t, rows, want, "the rows stay")
		}
	})
}

func TestRevokingAKeyAgainChangesNothing(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, w := newLab(t, a), wire{a, apptest.AdminKey}
		apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), l.key.ID, nil)).Is(t, 204)
		all := w.census(t)
		for range 3 {
			apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), l.key.ID, nil)).Is(t, 204)
		}
		require.Equal(t, all, w.census(t))
		row := *apptest.Got(l.admin.GetAPIKeyWithResponse(t.Context(), l.key.ID)).Is(t, 200).JSON200
		require.Equal(t, model.APIKeyStatusRevoked, row.Status)

		// A revoked key can be renamed, and stays revoked.
		apptest.Got(l.admin.UpdateAPIKeyWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.key.ID, nil, []byte(`{"name":"old"}`))).Is(t, 200)
		require.False(t, l.opens(t, l.key.APIKey))
	})
}

func TestAKeyIsRefusedFromItsExpiryOn(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		create := func(at time.Time) model.APIKeyCreate {
			return model.APIKeyCreate{PrincipalID: l.principal.ID.String(), Name: "k", ExpiresAt: nullable.NewNullableWithValue(at)}
		}
		p := apptest.Got(l.admin.CreateAPIKeyWithResponse(t.Context(), nil, create(time.Now().Add(-time.Second)))).Fails(t, 400, "INVALID_REQUEST")
		require.Equal(t, "/expires_at", p.Errors[0].Pointer)
		key := *apptest.Got(l.admin.CreateAPIKeyWithResponse(t.Context(), nil, create(time.Now().Add(time.Hour)))).Is(t, 201).JSON201
		require.True(t, l.opens(t, key.APIKey))

		expires := func(value string) {
			apptest.Got(l.admin.UpdateAPIKeyWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), key.ID, nil,
				[]byte(`{"expires_at":`+value+`}`))).Is(t, 200)
		}
		expires(`"` + time.Now().Add(-time.Millisecond).Format(time.RFC3339Nano) + `"`)
		require.False(t, l.opens(t, key.APIKey))
		expires("null")
		require.True(t, l.opens(t, key.APIKey), "null means never")
	})
}

func TestADisabledPrincipalIsShutOutWhateverItsKey(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		status := func(s string) {
			apptest.Got(l.admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.principal.ID.String(), nil,
				[]byte(`{"status":"`+s+`"}`))).Is(t, 200)
		}
		status("disabled")
		apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Fails(t, 403, "FORBIDDEN")
		rows, _ := adminList[model.StartupSession](t, a, "startups")
		require.Empty(t, rows)
		status("active")
		require.True(t, l.opens(t, l.key.APIKey))
	})
}
