package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// requireFilter holds a filtered list against what the whole list's rows say:
// exactly those with this member, in the same order, and want of them.
func requireFilter(t *testing.T, a *apptest.App, path, filter, member, value string, want int) {
	t.Helper()
	all, _ := list(t, a, path+"?limit=1000")
	fits := []string{}
	for _, r := range all {
		if fmt.Sprint(r[member]) == value {
			fits = append(fits, r.id())
		}
	}
	got, next := list(t, a, path+"?"+url.Values{filter: {value}, "limit": {"1000"}}.Encode())
	require.Empty(t, next)
	require.Equal(t, fits, idsOf(got), "%s?%s=%s", path, filter, value)
	require.Len(t, got, want, "%s?%s=%s", path, filter, value)
}

func TestEveryFilterOfEveryListFindsWhatItNamesAndNothingElse(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		p := fill(t, a)[3]
		admin, ctx := a.AdminClient(t), t.Context()
		const v1 = "/v1/admin/"
		first := func(name, filter string) string {
			rows, _ := list(t, a, v1+name+"?"+filter)
			require.NotEmpty(t, rows, filter)
			return rows[0].id()
		}
		profile, manifest := first("profiles", "profile_key=profile5"), first("manifests", "manifest_key=manifest6")

		// One of each is made to differ from the others.
		apptest.Got(admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, principalOf(t, a, "p1").String(), nil, patch(`{"status":"disabled"}`))).Is(t, 200)
		apptest.Got(admin.UpdateSecretRefWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, uuid.MustParse(first("secret-refs", "secret_key=secret2")).String(), nil, patch(`{"status":"disabled"}`))).Is(t, 200)
		apptest.Got(admin.RevokeAPIKeyWithResponse(ctx, uuid.MustParse(first("api-keys", "principal_id="+p.ID.String())), nil)).Is(t, 204)
		apptest.Got(admin.CreateBindingWithResponse(ctx, nil, model.BindingCreate{ // the one before is active no more
			PrincipalID: p.ID.String(), ProfileID: uuid.MustParse(profile).String(), ManifestID: uuid.MustParse(manifest).String(),
		})).Is(t, 201)

		requireFilter(t, a, v1+"principals", "principal_key", "principal_key", "p3", 1)
		requireFilter(t, a, v1+"principals", "auth_subject", "auth_subject", "s&3", 1)
		requireFilter(t, a, v1+"principals", "status", "status", "disabled", 1)
		requireFilter(t, a, v1+"principals", "status", "status", "active", perList) // with the admin
		requireFilter(t, a, v1+"profiles", "profile_key", "profile_key", "profile3", 1)
		requireFilter(t, a, v1+"manifests", "manifest_key", "manifest_key", "manifest3", 1)
		requireFilter(t, a, v1+"manifests", "deployment_key", "deployment_key", "d1", perList/2)
		requireFilter(t, a, v1+"bindings", "principal_id", "principal_id", p.ID.String(), 2)
		requireFilter(t, a, v1+"bindings", "profile_id", "profile_id", profile, 2)
		requireFilter(t, a, v1+"bindings", "manifest_id", "manifest_id", manifest, 2)
		requireFilter(t, a, v1+"bindings", "active", "active", "true", perList)
		requireFilter(t, a, v1+"bindings", "active", "active", "false", 1)
		requireFilter(t, a, v1+"secret-refs", "secret_key", "secret_key", "secret3", 1)
		requireFilter(t, a, v1+"validators", "validator_key", "validator_key", "validator3", 1)
		requireFilter(t, a, v1+"secret-refs", "status", "status", "disabled", 1)
		requireFilter(t, a, v1+"secret-refs", "status", "status", "active", perList-1)
		requireFilter(t, a, v1+"api-keys", "principal_id", "principal_id", p.ID.String(), 1)
		requireFilter(t, a, v1+"api-keys", "status", "status", "revoked", 1)
		requireFilter(t, a, v1+"api-keys", "status", "status", "active", perList) // with the admin's
		requireFilter(t, a, v1+"startups", "principal_key", "principal_key", "p3", 1)
		requireFilter(t, a, v1+"startups", "component_key", "component_key", "c4", 1)
		requireFilter(t, a, v1+"audit-log", "resource_id", "resource_id", p.ID.String(), 1)
		requireFilter(t, a, v1+"audit-log", "actor", "actor", "metagate", 2) // what the start did
		for kind, n := range map[string]int{
			"principal": perList + 2, "profile": perList, "manifest": perList, "binding": perList + 2, "secret_ref": perList + 1, "validator": perList, "api_key": perList + 2,
		} {
			requireFilter(t, a, v1+"audit-log", "resource_type", "resource_type", kind, n)
		}

		// Filters are joined by and; what nothing has gives an empty list.
		both, _ := list(t, a, v1+"bindings?active=false&principal_id="+p.ID.String())
		require.Len(t, both, 1)
		for _, none := range []string{
			"principals?principal_key=nobody", "principals?principal_key=p3&status=disabled", "principals?auth_subject=S%263", "profiles?profile_key=PROFILE3",
			"manifests?manifest_key=manifest3&deployment_key=d0", "bindings?principal_id=" + uuid.NewString(), "secret-refs?secret_key=secret_",
			"startups?component_key=c3&principal_key=p4", "startups?since=2999-01-01T00:00:00Z", "audit-log?resource_type=profile&resource_id=" + p.ID.String(),
			"audit-log?since=2999-01-01T00:00:00Z", "startups?status=OVERDUE",
		} {
			rows, next := list(t, a, v1+none)
			require.Empty(t, rows, none)
			require.Empty(t, next, none)
		}
	})
}

func TestAFilterThatCanNotBeIsRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for _, bad := range []string{
			"principals?principal_key=", "principals?principal_key=a%20b", "principals?status=ACTIVE", "principals?auth_subject=%00", "profiles?profile_key=%C3%BC",
			"manifests?deployment_key=a*", "bindings?principal_id=p3", "bindings?profile_id=", "bindings?active=maybe", "secret-refs?status=revoked",
			"api-keys?status=disabled", "startups?status=open", "startups?since=yesterday", "startups?since=2026-11-22", "startups?since=", "startups?until=tomorrow",
			"startups?since=2026-11-22T12:00:00+01:00", // an unescaped plus is a space
			"audit-log?resource_type=startups", "audit-log?resource_id=1", "audit-log?since=1700000000",
		} {
			resp := get(t, a, "/v1/admin/"+bad)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusBadRequest, resp.StatusCode, bad)
		}
	})
}

func TestStartupsAreFoundByStateAndByWhenTheyWereOpened(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		keys := apptest.ReadWorld(t, meshFile).Create(t, a).APIKeys
		for principal, ready := range map[string]bool{"asyncgate": true, "delegate": true, "depotgate": false} {
			report(t, a, keys[principal], startOf(t, a, keys[principal], "c").packet, ready)
		}
		startOf(t, a, keys["cognigate"], "c")
		old := overdue(t, a)
		const path = "/v1/admin/startups"
		for status, want := range map[string]int{"READY": 2, "FAILED": 1, "OPEN": 2} {
			requireFilter(t, a, path, "status", "status", status, want)
		}
		requireFilter(t, a, path, "principal_key", "principal_key", "late", 1)
		late, _ := list(t, a, path+"?status=OVERDUE")
		require.Equal(t, []string{old.String()}, idsOf(late), "OPEN and past its deadline")
		require.Equal(t, true, late[0]["overdue"])
		require.Equal(t, "OPEN", late[0]["status"], "overdue is derived, never stored")

		// since takes in what was opened at that very time, on the microsecond.
		all, _ := list(t, a, path)
		for i, r := range all {
			at, err := time.Parse(time.RFC3339, r["opened_at"].(string))
			require.NoError(t, err)
			zoned := at.In(time.FixedZone("", 3*60*60)).Format(time.RFC3339Nano)
			for _, spelled := range []string{r["opened_at"].(string), zoned} {
				found, _ := list(t, a, path+"?"+url.Values{"since": {spelled}}.Encode())
				require.Equal(t, idsOf(all[:i+1]), idsOf(found), spelled)
			}
			after, _ := list(t, a, path+"?"+url.Values{"since": {at.Add(time.Microsecond).Format(time.RFC3339Nano)}}.Encode())
			require.NotContains(t, idsOf(after), r.id())
		}
		// until leaves out what was opened in that millisecond or later, and keeps to it from page to page.
		for i, r := range all {
			at, err := time.Parse(time.RFC3339, r["opened_at"].(string))
			require.NoError(t, err)
			want := []string{}
			for _, older := range all[i+1:] {
				if opened, _ := time.Parse(time.RFC3339, older["opened_at"].(string)); opened.Truncate(time.Millisecond).Before(at.Truncate(time.Millisecond)) {
					want = append(want, older.id())
				}
			}
			got, next := []string{}, path+"?limit=1&"+url.Values{"until": {r["opened_at"].(string)}}.Encode()
			for next != "" {
				found, more := list(t, a, next)
				got, next = append(got, idsOf(found)...), more
			}
			require.Equal(t, want, got)
		}
		for _, long := range []string{"1970-01-01T00:00:00Z", "1960-01-01T00:00:00Z", "0001-01-01T00:00:00Z"} {
			found, _ := list(t, a, path+"?until="+long)
			require.Empty(t, found, long)
		}
		for _, long := range []string{"1970-01-01T00:00:00Z", "1960-01-01T00:00:00Z", "0001-01-01T00:00:00Z"} {
			found, _ := list(t, a, path+"?since="+long)
			require.Equal(t, idsOf(all), idsOf(found), long)
		}
		entries, _ := list(t, a, "/v1/admin/audit-log?limit=1000")
		since := url.Values{"since": {entries[4]["created_at"].(string)}, "limit": {"1000"}}.Encode()
		found, _ := list(t, a, "/v1/admin/audit-log?"+since)
		require.Equal(t, idsOf(entries[:len(found)]), idsOf(found))
		require.Contains(t, idsOf(found), entries[4].id())
		require.Less(t, len(found), len(entries))
	})
}

// overdue opens a startup an hour ago whose deadline has passed.
func overdue(t *testing.T, a *apptest.App) uuid.UUID {
	t.Helper()
	at, err := a.Store.GetRevision(t.Context(), "default")
	require.NoError(t, err)
	opened := store.Now().Add(-time.Hour)
	s := store.OpenStartupParams{
		ID: store.NewID(opened), TenantKey: "default", Epoch: at.Epoch, Source: "live", PrincipalID: uuid.New(), PrincipalKey: "late", ComponentKey: "c",
		ProfileKey: "gate", ManifestKey: "legivellum-mesh", ManifestVersion: 1, PacketID: store.NewID(opened), PacketEtag: "e",
		OpenedAt: opened, DeadlineAt: opened.Add(time.Minute),
	}
	n, err := a.Store.OpenStartup(t.Context(), s)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	return s.ID
}
