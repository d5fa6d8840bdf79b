package app_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestEveryWriteLeavesOneRowInTheAuditLog(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, w := newLab(t, a), wire{a, apptest.AdminKey}
		newest := func() model.AuditEntry {
			rows, _ := adminList[model.AuditEntry](t, a, "audit-log?limit=1")
			return rows[0]
		}
		count := func() int {
			rows, _ := adminList[model.AuditEntry](t, a, "audit-log?limit=1000")
			return len(rows)
		}
		written := count()
		one := func(request string, got wired, action model.AuditEntryAction, before, after string) {
			t.Helper()
			require.Less(t, got.Status, 300, got.Body)
			written++
			require.Equal(t, written, count(), "one row and no more")
			e := newest()
			require.Equal(t, request, e.RequestID)
			require.Equal(t, "admin", e.Actor)
			require.Equal(t, model.AuthMethodAPIKey, e.AuthMethod)
			require.Equal(t, action, e.Action)
			require.Equal(t, "127.0.0.1", e.RemoteAddr)
			require.Equal(t, "default", e.TenantKey)
			require.WithinDuration(t, time.Now(), e.CreatedAt, time.Minute)
			for _, side := range []struct {
				want string
				got  interface{ IsNull() bool }
			}{{before, e.Before}, {after, e.After}} {
				require.Equal(t, side.want == "", side.got.IsNull())
			}
			if before != "" {
				require.JSONEq(t, before, string(e.Before.MustGet()))
			}
			if after != "" {
				require.JSONEq(t, after, string(e.After.MustGet()))
			}
		}
		for _, p := range l.patchables(t) {
			written = count()
			path := "/v1/admin/" + p.path
			before := w.send(t, http.MethodGet, path, "").Body
			got := w.send(t, http.MethodPatch, path, p.patch, "X-Request-ID", "patch-"+p.path[:4])
			one("patch-"+p.path[:4], got, model.AuditEntryActionUpdate, withoutUse(t, before), withoutUse(t, got.Body))
		}
		body := `{"profile_key":"audited","policy":{"n":1.10}}`
		got := w.send(t, http.MethodPost, "/v1/admin/profiles", body, "X-Request-ID", "create-1")
		one("create-1", got, model.AuditEntryActionCreate, "", got.Body)
		require.Contains(t, string(newest().After.MustGet()), "1.10", "numbers, too")
		require.Equal(t, "audited", newest().ResourceKey)
		id, _ := got.member(t, "id").(string)
		require.Equal(t, id, newest().ResourceID.String())
		require.Equal(t, model.ResourceTypeProfile, newest().ResourceType)
		one("delete-1", w.send(t, http.MethodDelete, "/v1/admin/profiles/"+id, "", "X-Request-ID", "delete-1"), model.AuditEntryActionDelete, got.Body, "")

		// Refused and reading requests leave none.
		w.send(t, http.MethodPost, "/v1/admin/profiles", `{"profile_key":"`+l.profile.ProfileKey+`"}`).refused(t, 409, "ALREADY_EXISTS")
		w.send(t, http.MethodGet, "/v1/admin/profiles", "")
		require.Equal(t, written, count())
	})
}

// withoutUse takes out when a key was used: a background writes that down.
func withoutUse(t *testing.T, body string) string {
	t.Helper()
	m := members(t, body)
	if _, ok := m["last_used_at"]; ok {
		require.JSONEq(t, "null", string(m["last_used_at"]))
	}
	out, err := json.Marshal(m)
	require.NoError(t, err)
	return string(out)
}

func TestTheAuditLogNamesTheTokenOfWhoeverDidIt(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		apptest.Got(l.admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.principal.ID.String(), nil,
			[]byte(`{"principal_type":"admin"}`))).Is(t, 200)
		token, err := identity.Sign(apptest.JWTSecret, "HS256", l.principal.AuthSubject, time.Hour, "", "", time.Now())
		require.NoError(t, err)
		apptest.Got(a.Client(t, token).DeleteBindingWithResponse(t.Context(), l.binding.ID, nil)).Is(t, 204)
		rows, _ := adminList[model.AuditEntry](t, a, "audit-log?limit=1")
		require.Equal(t, l.principal.PrincipalKey, rows[0].Actor)
		require.Equal(t, model.AuthMethodJwt, rows[0].AuthMethod)
		rows, _ = adminList[model.AuditEntry](t, a, "audit-log?actor="+l.principal.PrincipalKey)
		require.Len(t, rows, 1)
	})
}

func TestNeitherAKeyNorItsHashIsEverInTheAuditLogOrTheAPI(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		issued := []string{apptest.AdminKey, l.key.APIKey, l.addKey(t, l.principal.ID).APIKey}
		apptest.Got(l.admin.UpdateAPIKeyWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.key.ID, nil, []byte(`{"name":"n"}`))).Is(t, 200)
		apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), l.key.ID, nil)).Is(t, 204)
		apptest.Got(l.admin.DeletePrincipalWithResponse(t.Context(), l.principal.ID.String(), nil)).Is(t, 204)

		rows, err := a.Store.ListAuditLog(t.Context(), store.ListAuditLogParams{BeforeID: store.MaxID, RowLimit: 1000})
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(rows), 11)
		var texts []string
		for _, r := range rows {
			texts = append(texts, strings.Join([]string{
				r.Actor, r.AuthMethod, r.Action, r.ResourceType, r.ResourceKey, r.RequestID, r.RemoteAddr, string(r.Before), string(r.After),
			}, "\n"))
		}
		for _, list := range everyList {
			texts = append(texts, wire{a, apptest.AdminKey}.send(t, http.MethodGet, "/v1/admin/"+list+"?limit=1000", "").Body)
		}
		require.NoError(t, a.Close())
		texts = append(texts, a.Log.String())
		for _, text := range texts {
			for _, key := range issued {
				sum := sha256.Sum256([]byte(key))
				require.NotContains(t, text, key)
				require.NotContains(t, text, strings.TrimPrefix(key, identity.KeyPrefix))
				require.NotContains(t, strings.ToLower(text), hex.EncodeToString(sum[:]))
			}
		}
	})
}
