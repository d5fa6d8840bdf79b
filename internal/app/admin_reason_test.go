package app_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

const why = "Metagate-Reason"

// adminWrites are all that an admin can write, deletes last.
func (w wireWorld) adminWrites() []bodied {
	var out []bodied
	all := w.operations(7)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		op := all[name]
		if name == "updateBinding" {
			op.good = `{"overrides":{"policy":{"a":1}}}` // a patch that changes nothing writes nothing
		}
		if op.wire == w.admin {
			out = append(out, op)
		}
	}
	out = append(out, bodied{w.admin, http.MethodPost, "/v1/admin/apply", `{"profiles":[{"profile_key":"applied"}]}`, ""})
	for _, gone := range []string{"api-keys/" + w.id, "secret-refs/" + w.ref, "bindings/" + w.binding, "principals/" + w.principal} {
		out = append(out, bodied{w.admin, http.MethodDelete, "/v1/admin/" + gone, "", ""})
	}
	return out
}

func TestAReasonThatCanNotBeKeptIsRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		before := w.admin.census(t)
		for _, op := range w.adminWrites() {
			for _, bad := range []string{strings.Repeat("x", 1001), "a\tb", "\xff", "a\xc3", "\xed\xa0\x80", "\u0085"} {
				p := op.send(t, op.method, op.path, op.good, why, bad).refused(t, 400, "INVALID_REQUEST")
				require.Contains(t, p.Detail, why, "%s %s %q", op.method, op.path, bad)
			}
		}
		for _, bad := range []string{"", strings.Repeat("x", 1001), "a%0Ab", "%FF", "%00"} {
			w.admin.send(t, http.MethodPost, "/v1/admin/apply?message="+bad, `{"profiles":[{"profile_key":"applied"}]}`).refused(t, 400, "INVALID_REQUEST")
		}
		require.Equal(t, before, w.admin.census(t))
	})
}

func TestWhereAReasonIsRequiredNoAdminWritesWithoutOne(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		a := apptest.Start(t, url)
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		overdue(t, a)
		require.NoError(t, a.Close())
		a = apptest.Start(t, url, func(c *app.Config) { c.RequireReason = true })
		w.admin.App, w.component.App = a, a

		before := w.admin.census(t)
		for _, op := range w.adminWrites() {
			p := op.send(t, op.method, op.path, op.good).refused(t, 400, "INVALID_REQUEST")
			require.Contains(t, p.Detail, why, "%s %s", op.method, op.path)
		}
		require.Equal(t, before, w.admin.census(t))
		require.Equal(t, 200, w.admin.send(t, http.MethodPost, "/v1/admin/apply?dry_run=true", `{"profiles":[{"profile_key":"x"}]}`).Status, "which writes nothing")
		for i, op := range w.adminWrites() {
			reason := fmt.Sprintf("change %d – für alle", i)
			got := op.send(t, op.method, op.path, op.good, why, reason)
			require.Less(t, got.Status, 300, "%s %s: %s", op.method, op.path, got.Body)
			entries, _ := adminList[model.AuditEntry](t, a, "audit-log?limit=1")
			require.Equal(t, reason, entries[0].Reason.MustGet(), "%s %s", op.method, op.path)
		}
		for query, want := range map[string]string{"message=by%20file": "by file", "message=m": "header"} {
			got := w.admin.send(t, http.MethodPost, "/v1/admin/apply?"+query, fmt.Sprintf(`{"manifests":[{"manifest_key":%q}]}`, fmt.Sprint("m", len(query))), why, map[bool]string{true: "header"}[want == "header"])
			require.Equal(t, 200, got.Status, got.Body)
			entries, _ := adminList[model.AuditEntry](t, a, "audit-log?limit=1")
			require.Equal(t, want, entries[0].Reason.MustGet())
		}
		startups, _ := adminList[model.StartupSession](t, a, "startups?status=OVERDUE")
		got := w.admin.send(t, http.MethodPost, "/v1/admin/startups/"+startups[0].StartupID.String()+"/acknowledge", `{"reason":"gone"}`)
		require.Equal(t, 200, got.Status, got.Body)
		entries, _ := adminList[model.AuditEntry](t, a, "audit-log?limit=1")
		require.Equal(t, "gone", entries[0].Reason.MustGet())
		require.Equal(t, "late", entries[0].PrincipalKey.MustGet())
	})
}

func TestTheAuditLogKeepsTheCredentialAndTheRevision(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		newest := func() model.AuditEntry {
			entries, _ := adminList[model.AuditEntry](t, a, "audit-log?limit=1")
			return entries[0]
		}
		keys, _ := adminList[model.APIKey](t, a, "api-keys")
		admin := keys[slices.IndexFunc(keys, func(k model.APIKey) bool { return k.Name == "ADMIN_API_KEY" })]
		credential := fmt.Sprintf(`{"api_key_id":%q,"name":"ADMIN_API_KEY"}`, admin.ID)
		for range 2 {
			w.admin.send(t, http.MethodPatch, "/v1/admin/manifests/"+w.manifest, `{"polling":{"n":`+fmt.Sprint(time.Now().UnixNano())+`}}`)
			require.JSONEq(t, credential, string(newest().Credential.MustGet()))
			require.Equal(t, worldsOf(t, a).revision(t), newest().Revision.MustGet())
			require.True(t, newest().Reason.IsNull())
		}
		last := newest().Revision.MustGet()
		plan := worldsOf(t, a).apply(t, mesh(t))
		require.Positive(t, plan.Summary.Create)
		entries, _ := adminList[model.AuditEntry](t, a, fmt.Sprintf("audit-log?limit=1000&revision=%d", worldsOf(t, a).revision(t)))
		require.Len(t, entries, plan.Summary.Create, "one revision")
		require.Greater(t, entries[0].Revision.MustGet(), last)
		require.JSONEq(t, credential, string(entries[0].Credential.MustGet()))
		unchanged(t, worldsOf(t, a).apply(t, mesh(t)))

		// A token is known by its issuer and subject; the server itself by nothing.
		jwt, err := identity.Sign(apptest.JWTSecret, "HS256", "admin", time.Hour, "who", "", time.Now())
		require.NoError(t, err)
		wire{a, jwt}.create(t, "/v1/admin/profiles", `{"profile_key":"by-token"}`)
		require.JSONEq(t, `{"issuer":"who","subject":"admin"}`, string(newest().Credential.MustGet()))
		entries, _ = adminList[model.AuditEntry](t, a, "audit-log?limit=1000&actor=metagate")
		require.NotEmpty(t, entries)
		for _, e := range entries {
			require.True(t, e.Credential.IsNull())
			require.False(t, e.Revision.IsNull())
		}
	})
}

func TestTheAuditLogIsFoundByKeyPrincipalRevisionAndTime(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		newWireWorld(t, w.admin, "2")
		w.admin.send(t, http.MethodPatch, "/v1/admin/api-keys/"+w.id, `{"name":"blue"}`)
		w.admin.send(t, http.MethodDelete, "/v1/admin/api-keys/"+w.id, "")
		w.admin.send(t, http.MethodPatch, "/v1/admin/bindings/"+w.binding, `{"active":false}`)
		world := worldsOf(t, a)
		world.apply(t, model.World{Bindings: []model.WorldBinding{{Principal: "p1", Profile: "p2", Manifest: "m2"}}})
		world.apply(t, model.World{Bindings: []model.WorldBinding{{Principal: "p1", Profile: "p1", Manifest: "m1"}}}) // deactivates it
		entries := func(query string) (out []string) {
			rows, _ := adminList[model.AuditEntry](t, a, "audit-log?limit=1000&"+query)
			for _, r := range rows {
				out = append(out, fmt.Sprintf("%s %s", r.Action, r.ResourceType))
				if key, err := r.PrincipalKey.Get(); err == nil && strings.HasPrefix(query, "principal_key=") {
					require.Equal(t, query, "principal_key="+key)
				}
			}
			slices.Reverse(out)
			return out
		}
		require.Equal(t, []string{
			"create principal", "create binding", "create api_key", "update api_key", "delete api_key", "update binding",
			"create binding", "update binding", "update binding",
		}, entries("principal_key=p1"))
		require.Equal(t, []string{"create principal", "create binding", "create api_key"}, entries("principal_key=p2"))
		require.Empty(t, entries("principal_key=nobody"))
		require.Equal(t, []string{"create principal", "create profile"}, entries("resource_key=p1"))
		require.Equal(t, []string{"create api_key"}, entries("resource_key=k&principal_key=p2"))
		require.Equal(t, []string{"update api_key", "delete api_key"}, entries("resource_key=blue"))
		require.Empty(t, entries("revision=0"))
		require.Empty(t, entries("resource_key="+uuid.NewString()))

		all, _ := adminList[model.AuditEntry](t, a, "audit-log?limit=1000")
		for i, e := range all {
			until := url.Values{"until": {e.CreatedAt.In(time.FixedZone("", 3600)).Format(time.RFC3339Nano)}}.Encode()
			rows, _ := adminList[model.AuditEntry](t, a, "audit-log?limit=1000&"+until)
			before := slices.DeleteFunc(slices.Clone(all[i:]), func(o model.AuditEntry) bool { return !o.CreatedAt.Before(e.CreatedAt) })
			require.Equal(t, before, rows, "%d: exclusive, on the microsecond", i)
			page, next := adminList[model.AuditEntry](t, a, "audit-log?limit=2&"+until)
			for next != "" {
				var more []model.AuditEntry
				more, next = adminList[model.AuditEntry](t, a, next)
				page = append(page, more...)
			}
			require.Len(t, page, len(before))
		}
		for _, none := range []string{"until=1970-01-01T00:00:00Z", "until=0001-01-01T00:00:00Z"} {
			require.Empty(t, entries(none))
		}
		require.Len(t, entries("until=2999-01-01T00:00:00Z"), len(all))
		for _, bad := range []string{"resource_key=", "resource_key=%00", "principal_key=a%20b", "revision=x", "revision=-1", "revision=1.5", "until=tomorrow", "until="} {
			w.admin.send(t, http.MethodGet, "/v1/admin/audit-log?"+bad, "").refused(t, 400, "INVALID_REQUEST")
		}
	})
}
