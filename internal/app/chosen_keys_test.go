package app_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

const chosen = "mgk_demo_asyncgate_bootstrap_key" // as LegiVellum's compose file has it

func sha256Of(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// opens is whose door a key opens; empty for none.
func (w wire) opens(t *testing.T, key string) string {
	t.Helper()
	got := wire{w.App, key}.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`)
	if got.Status == 401 {
		return ""
	}
	require.Equal(t, 200, got.Status, got.Body)
	who, _ := got.member(t, "principal_key").(string)
	return who
}

func TestAKeyThatIsChosenBadlyIsRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		other, theirs := newWireWorld(t, w.admin, "2"), newWireWorld(t, tenantAdmin(t, a, "theirs"), "3")
		own := w.admin.send(t, "POST", "/v1/admin/api-keys", fmt.Sprintf(`{"principal_id":%q,"name":"k","value":%q}`, w.principal, chosen+"-own"))
		require.Equal(t, 201, own.Status, own.Body)
		revoked := w.admin.create(t, "/v1/admin/api-keys", fmt.Sprintf(`{"principal_id":%q,"name":"k","value":%q}`, w.principal, chosen+"-revoked"))
		require.Equal(t, 204, w.admin.send(t, "DELETE", "/v1/admin/api-keys/"+revoked, "").Status)
		require.Equal(t, 200, w.bootstrapped(t), "the others' keys go on opening")

		before := w.admin.census(t)
		post := func(with string) wired {
			t.Helper()
			return w.admin.send(t, "POST", "/v1/admin/api-keys", fmt.Sprintf(`{"principal_id":%q,"name":"n",%s}`, w.principal, with))
		}
		p := post(fmt.Sprintf(`"value":%q,"sha256":%q`, chosen, sha256Of(chosen))).refused(t, 400, "INVALID_REQUEST")
		require.Equal(t, []string{"/sha256"}, pointersOf(p))
		for what, taken := range map[string]string{
			"another principal's": other.component.credential, "another tenant's": theirs.component.credential, "the admin's": apptest.AdminKey,
			"its own": chosen + "-own", "one that was revoked": chosen + "-revoked",
		} {
			for _, with := range []string{fmt.Sprintf(`"value":%q`, taken), fmt.Sprintf(`"sha256":%q`, sha256Of(taken)), fmt.Sprintf(`"sha256":%q`, strings.ToUpper(sha256Of(taken)))} {
				got := post(with)
				got.refused(t, 409, "ALREADY_EXISTS")
				require.NotContains(t, got.Body, taken, what)
				require.NotContains(t, got.Body, "theirs", what)
			}
		}
		require.Equal(t, before, w.admin.census(t))
		require.Empty(t, w.admin.opens(t, chosen+"-revoked"))
	})
}

func (w wireWorld) bootstrapped(t *testing.T) int {
	t.Helper()
	return w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`).Status
}

func TestAKeyMayHaveAValueThatIsChosenOutside(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		byHash, longest := chosen+"-by-its-hash", strings.Repeat("~", 512)
		require.Empty(t, w.admin.opens(t, chosen))
		got := w.admin.send(t, "POST", "/v1/admin/api-keys", fmt.Sprintf(`{"principal_id":%q,"name":"chosen","value":%q}`, w.principal, chosen))
		require.Equal(t, 201, got.Status, got.Body)
		require.Equal(t, chosen, got.member(t, "api_key"))
		hashed := w.admin.send(t, "POST", "/v1/admin/api-keys", fmt.Sprintf(`{"principal_id":%q,"name":"hashed","sha256":%q,"value":null}`, w.principal, strings.ToUpper(sha256Of(byHash))))
		require.Equal(t, 201, hashed.Status, hashed.Body)
		require.NotContains(t, hashed.Body, "api_key\"")
		w.admin.create(t, "/v1/admin/api-keys", fmt.Sprintf(`{"principal_id":%q,"name":"longest","value":%q}`, w.principal, longest))
		for _, key := range []string{chosen, byHash} {
			require.Equal(t, "p1", w.admin.opens(t, key))
		}
		r := wire{App: a}.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`, "X-API-Key", longest)
		require.Equal(t, 200, r.Status, r.Body)

		id, _ := got.member(t, "id").(string)
		require.Equal(t, 200, w.admin.send(t, "PATCH", "/v1/admin/api-keys/"+id, `{"name":"renamed"}`).Status)
		w.admin.send(t, "PATCH", "/v1/admin/api-keys/"+id, `{"value":"`+strings.Repeat("v", 40)+`"}`).refused(t, 400, "INVALID_REQUEST")
		require.Equal(t, "p1", w.admin.opens(t, chosen))
		all := fmt.Sprintf("%s", w.admin.census(t)) + w.admin.send(t, "GET", "/v1/admin/api-keys/"+id, "").Body + w.admin.send(t, "GET", "/v1/admin/export", "").Body
		require.NoError(t, a.Close())
		for _, secret := range []string{chosen, sha256Of(chosen), byHash, sha256Of(byHash), longest} {
			require.NotContains(t, strings.ToLower(all), secret)
			require.NotContains(t, strings.ToLower(a.Log.String()), secret)
		}
	})
}

// keysWorld is a principal of a world, with the keys that follow.
func keysWorld(keys string) string {
	return `{"profiles":[{"profile_key":"p"}],"manifests":[{"manifest_key":"m"}],"principals":[{"principal_key":"gate","auth_subject":"gate@mesh"}],` +
		`"bindings":[{"principal":"gate","profile":"p","manifest":"m"}],"api_keys":[` + keys + `]}`
}

func worldKey(principal, name, key, more string) string {
	return fmt.Sprintf(`{"principal":%q,"name":%q,"sha256":%q%s}`, principal, name, sha256Of(key), more)
}

func TestKeysOfAWorldThatCannotBeAreRefusedEachWithItsPlace(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		o := newWireWorld(t, w.wire, "1")
		theirs := newWireWorld(t, tenantAdmin(t, a, "theirs"), "2")
		gone := w.wire.create(t, "/v1/admin/api-keys", fmt.Sprintf(`{"principal_id":%q,"name":"k","value":%q}`, o.principal, chosen+"-revoked"))
		require.Equal(t, 204, w.wire.send(t, "DELETE", "/v1/admin/api-keys/"+gone, "").Status)
		before := w.wire.census(t)
		for what, tc := range map[string]struct {
			keys    string
			status  int
			code    string
			pointer string
		}{
			"nobody's":                 {worldKey("nobody", "k", chosen, ""), 400, "INVALID_REFERENCE", "/api_keys/0/principal"},
			"no hash":                  {`{"principal":"gate","name":"k","sha256":"` + strings.Repeat("g", 64) + `"}`, 400, "INVALID_REQUEST", "/api_keys/0/sha256"},
			"without a hash":           {`{"principal":"gate","name":"k"}`, 400, "INVALID_REQUEST", "/api_keys/0/sha256"},
			"a hash that is null":      {`{"principal":"gate","name":"k","sha256":null}`, 400, "INVALID_REQUEST", "/api_keys/0/sha256"},
			"a plaintext":              {worldKey("gate", "k", chosen, `,"value":"`+chosen+`"`), 400, "INVALID_REQUEST", "/api_keys/0/value"},
			"an id":                    {worldKey("gate", "k", chosen, `,"principal_id":"x"`), 400, "INVALID_REQUEST", "/api_keys/0/principal_id"},
			"no name":                  {worldKey("gate", "", chosen, ""), 400, "INVALID_REQUEST", "/api_keys/0/name"},
			"twice":                    {worldKey("gate", "k", chosen, "") + "," + worldKey("p1", "k", chosen, ""), 400, "INVALID_REQUEST", "/api_keys/1/sha256"},
			"expired":                  {worldKey("gate", "k", chosen, `,"expires_at":"2020-01-01T00:00:00Z"`), 400, "INVALID_REQUEST", "/api_keys/0/expires_at"},
			"no time":                  {worldKey("gate", "k", chosen, `,"expires_at":"soon"`), 400, "INVALID_REQUEST", "/api_keys/0/expires_at"},
			"another principal's":      {worldKey("gate", "k", o.component.credential, ""), 409, "ALREADY_EXISTS", "/api_keys/0/sha256"},
			"another tenant's":         {worldKey("gate", "k", theirs.component.credential, ""), 409, "ALREADY_EXISTS", "/api_keys/0/sha256"},
			"the sender's":             {worldKey("gate", "k", apptest.AdminKey, ""), 409, "ALREADY_EXISTS", "/api_keys/0/sha256"},
			"one that was revoked":     {worldKey("p1", "k", chosen+"-revoked", ""), 409, "INVALID_STATE", "/api_keys/0/sha256"},
			"revoked, for another one": {worldKey("gate", "k", chosen+"-revoked", ""), 409, "ALREADY_EXISTS", "/api_keys/0/sha256"},
		} {
			for _, query := range []string{"", "?dry_run=true"} {
				got := w.wire.send(t, "POST", "/v1/admin/apply"+query, keysWorld(tc.keys))
				require.Contains(t, pointersOf(got.refused(t, tc.status, tc.code)), tc.pointer, what)
				require.NotContains(t, got.Body, "theirs", what)
			}
			require.Equal(t, before, w.wire.census(t), what)
		}
		got := w.wire.send(t, "POST", "/v1/admin/apply", keysWorld(worldKey("nobody", "k", chosen, "")+","+worldKey("gate", "", "x", "")+","+worldKey("gate", "k", apptest.AdminKey, "")))
		require.Subset(t, pointersOf(got.refused(t, got.Status, string(member(t, got.Body, "code")[1:len(member(t, got.Body, "code"))-1]))),
			[]string{"/api_keys/0/principal", "/api_keys/1/name", "/api_keys/2/sha256"}, "everything at once")
	})
}

func TestAWorldBringsItsKeysAndApplyingItAgainChangesNothing(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		const second = chosen + "-second"
		world := keysWorld(worldKey("gate", "compose", chosen, "") + "," + worldKey("gate", "second", second, `,"expires_at":"2099-01-01T00:00:00.1234567+01:00"`) + "," + worldKey("admin", "mine", chosen+"-admin", ""))
		dry := w.try(t, asJSON, world, dryRun).Is(t, 200)
		require.Empty(t, w.wire.opens(t, chosen))
		done := w.try(t, asJSON, world).Is(t, 200)
		dry.JSON200.DryRun, dry.JSON200.Packets = false, done.JSON200.Packets
		require.Equal(t, dry.JSON200, done.JSON200)
		require.Subset(t, did(*done.JSON200), []string{"create api_key gate: compose", "create api_key gate: second", "create api_key admin: mine"})
		require.NotContains(t, string(done.Body), sha256Of(chosen))
		require.Equal(t, "gate", w.wire.opens(t, chosen))
		require.Equal(t, "gate", w.wire.opens(t, second))
		require.Equal(t, 200, wire{a, chosen + "-admin"}.send(t, "GET", "/v1/admin/principals", "").Status)

		before, revision := w.wire.census(t), w.revision(t)
		for _, again := range []string{world, strings.ReplaceAll(world, sha256Of(chosen), strings.ToUpper(sha256Of(chosen)))} {
			unchanged(t, *w.try(t, asJSON, again).Is(t, 200).JSON200)
			unchanged(t, *w.try(t, asJSON, again, prune).Is(t, 200).JSON200)
		}
		require.Equal(t, before, w.wire.census(t))
		require.Equal(t, revision, w.revision(t))

		unchanged(t, *w.try(t, asJSON, keysWorld(""), prune).Is(t, 200).JSON200)
		require.Equal(t, "gate", w.wire.opens(t, second), "keys aren't pruned")

		plan := *w.try(t, asJSON, keysWorld(worldKey("gate", "renamed", second, ""))).Is(t, 200).JSON200
		require.Equal(t, []string{"update api_key gate: renamed"}, did(plan))
		require.Empty(t, plan.Packets)
		for _, c := range plan.Changes {
			for _, d := range c.Diff {
				require.Contains(t, []string{"/name", "/expires_at"}, d.Pointer)
			}
		}
		for _, k := range rowsOf(t, w.wire.send(t, "GET", "/v1/admin/api-keys", "")) {
			if string(k["name"]) == `"renamed"` {
				require.JSONEq(t, "null", string(k["expires_at"]))
			}
			require.NotEqual(t, `"second"`, string(k["name"]))
		}
		last := w.audited(t, 0)
		require.Equal(t, "api_key", last[len(last)-1].ResourceType)
		require.JSONEq(t, `"second"`, string(member(t, string(last[len(last)-1].Before), "name")))
		require.JSONEq(t, `"renamed"`, string(member(t, string(last[len(last)-1].After), "name")))
		for _, entry := range last {
			require.NotContains(t, string(entry.After)+string(entry.Before), sha256Of(second))
		}

		past := time.Now().Add(time.Hour).UTC().Format(time.RFC3339) // an end that is near is one
		require.Equal(t, []string{"update api_key gate: renamed"}, did(*w.try(t, asJSON, keysWorld(worldKey("gate", "renamed", second, `,"expires_at":"`+past+`"`))).Is(t, 200).JSON200))
		require.Equal(t, "gate", w.wire.opens(t, second))
	})
}

func TestAnExportHasTheHashesOnlyWhenAskedAndRestoresTheDoors(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.try(t, asJSON, keysWorld(worldKey("gate", "b", chosen, "")+","+worldKey("gate", "a", chosen+"-2", `,"expires_at":"2099-01-01T00:00:00Z"`))).Is(t, 200)
		gone := w.wire.create(t, "/v1/admin/api-keys", fmt.Sprintf(`{"principal_id":%q,"name":"k","value":%q}`, w.principal(t, "gate"), chosen+"-revoked"))
		require.Equal(t, 204, w.wire.send(t, "DELETE", "/v1/admin/api-keys/"+gone, "").Status)

		for _, query := range []string{"", "?api_keys=false"} {
			require.NotContains(t, w.wire.send(t, "GET", "/v1/admin/export"+query, "").Body, "api_keys")
		}
		w.wire.send(t, "GET", "/v1/admin/export?api_keys=yes", "").refused(t, 400, "INVALID_REQUEST")
		got := w.wire.send(t, "GET", "/v1/admin/export?api_keys=true", "")
		require.Equal(t, 200, got.Status, got.Body)
		require.JSONEq(t, `[{"principal":"admin","name":"ADMIN_API_KEY","sha256":"`+sha256Of(apptest.AdminKey)+`"},`+
			worldKey("gate", "a", chosen+"-2", `,"expires_at":"2099-01-01T00:00:00Z"`)+","+worldKey("gate", "b", chosen, "")+"]", string(member(t, got.Body, "api_keys")))
		yaml := w.wire.send(t, "GET", "/v1/admin/export?api_keys=true", "", "Accept", asYAML)
		unchanged(t, *w.try(t, asYAML, yaml.Body).Is(t, 200).JSON200)

		other := worldsOf(t, apptest.Start(t, testdb.SQLite(t)))
		other.try(t, asYAML, yaml.Body).Is(t, 200)
		require.Equal(t, "gate", other.wire.opens(t, chosen))
		require.Equal(t, "gate", other.wire.opens(t, chosen+"-2"))
		require.Equal(t, got.Body, other.wire.send(t, "GET", "/v1/admin/export?api_keys=true", "").Body)
	})
}
