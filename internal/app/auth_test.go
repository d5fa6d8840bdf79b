package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestEveryInvalidCredentialGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		issue := func(expires time.Time) (id, key string) {
			got := w.admin.send(t, "POST", "/v1/admin/api-keys", fmt.Sprintf(`{"principal_id":%q,"name":"k","expires_at":%q}`, w.principal, expires.Format(time.RFC3339Nano)))
			require.Equal(t, 201, got.Status, got.Body)
			return fmt.Sprint(got.member(t, "id")), fmt.Sprint(got.member(t, "api_key"))
		}
		revokedID, revoked := issue(time.Now().Add(time.Hour))
		expiredID, expired := issue(time.Now().Add(time.Hour))
		for _, key := range []string{revoked, expired} {
			wire{a, key}.knock(t).opened(t)
		}
		require.Equal(t, 204, w.admin.send(t, "DELETE", "/v1/admin/api-keys/"+revokedID, "").Status)
		require.Equal(t, 200, w.admin.send(t, "PATCH", "/v1/admin/api-keys/"+expiredID, `{"expires_at":"2020-01-01T00:00:00Z"}`).Status)

		hs := func(key string, change map[string]any) string {
			return "Bearer " + forge(t, "HS256", key, claimSet("s1", change))
		}
		good := hs(apptest.JWTSecret, nil)
		bare := wire{App: a}
		bare.knock(t, "Authorization", good).opened(t)
		want := bare.knock(t).anonymous(t)
		for what, header := range map[string][2]string{
			"an empty bearer":           {"Authorization", "Bearer "},
			"another scheme":            {"Authorization", "Basic czE6czE="},
			"a key as a bearer":         {"Authorization", "Bearer " + w.component.credential},
			"no token":                  {"Authorization", "Bearer nonsense"},
			"two segments":              {"Authorization", good[:strings.LastIndex(good, ".")]},
			"no signature":              {"Authorization", good[:strings.LastIndex(good, ".")+1]},
			"two tokens":                {"Authorization", good + ", " + good},
			"a token over 16 KiB":       {"Authorization", hs(apptest.JWTSecret, map[string]any{"x": strings.Repeat("x", 16<<10)})},
			"alg none":                  {"Authorization", "Bearer " + forge(t, "none", "", claimSet("s1", nil))},
			"alg none, unsigned":        {"Authorization", "Bearer " + forge(t, "none", nil, claimSet("s1", nil))},
			"alg HS512":                 {"Authorization", "Bearer " + forge(t, "HS512", apptest.JWTSecret, claimSet("s1", nil))},
			"alg hs256":                 {"Authorization", "Bearer " + forge(t, "hs256", apptest.JWTSecret, claimSet("s1", nil))},
			"a wrong secret":            {"Authorization", hs(apptest.JWTSecret+"x", nil)},
			"the published secret":      {"Authorization", hs(identity.DefaultSecret, nil)},
			"an empty secret":           {"Authorization", hs("", nil)},
			"an expired token":          {"Authorization", hs(apptest.JWTSecret, map[string]any{"exp": time.Now().Add(-time.Second).Unix()})},
			"no exp":                    {"Authorization", hs(apptest.JWTSecret, map[string]any{"exp": nil})},
			"exp of no date":            {"Authorization", hs(apptest.JWTSecret, map[string]any{"exp": "never"})},
			"exp 0":                     {"Authorization", hs(apptest.JWTSecret, map[string]any{"exp": 0})},
			"no sub":                    {"Authorization", hs(apptest.JWTSecret, map[string]any{"sub": nil})},
			"an empty sub":              {"Authorization", hs(apptest.JWTSecret, map[string]any{"sub": ""})},
			"sub as a number":           {"Authorization", hs(apptest.JWTSecret, map[string]any{"sub": 1})},
			"nbf in a minute":           {"Authorization", hs(apptest.JWTSecret, map[string]any{"nbf": time.Now().Add(time.Minute).Unix()})},
			"iat in a minute":           {"Authorization", hs(apptest.JWTSecret, map[string]any{"iat": time.Now().Add(time.Minute).Unix()})},
			"an unknown key":            {"X-API-Key", identity.KeyPrefix + strings.Repeat("A", 43)},
			"a key that is cut":         {"X-API-Key", w.component.credential[:46]},
			"a key with a space":        {"X-API-Key", w.component.credential + " x"},
			"a key in another case":     {"X-API-Key", strings.ToUpper(w.component.credential)},
			"a key with a percent sign": {"X-API-Key", "%"},
			"a key beyond ASCII":        {"X-API-Key", "mgk_é"},
			"a key of 10 KiB":           {"X-API-Key", identity.KeyPrefix + strings.Repeat("A", 10<<10)},
			"a revoked key":             {"X-API-Key", revoked},
			"an expired key":            {"X-API-Key", expired},
			"a key under another name":  {"X-Api-Token", w.component.credential},
		} {
			got := bare.knock(t, header[0], header[1])
			require.Equal(t, want, got.anonymous(t), what)
			require.Equal(t, want, bare.send(t, "GET", "/v1/admin/principals", "", header[0], header[1]).anonymous(t), what)
			require.Equal(t, want, bare.send(t, "POST", "/v1/bootstrap", `no JSON`, header[0], header[1]).anonymous(t), what)
		}
		require.Len(t, w.admin.census(t)["startups"], 1)
	})
}

func TestTheBearerTokenIsTriedFirstThenTheAPIKey(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		other := newWireWorld(t, wire{a, apptest.AdminKey}, "2")
		bearer := "Bearer " + forge(t, "HS256", apptest.JWTSecret, claimSet("s1", nil))
		who := func(authorization, key string) wired {
			return wire{App: a}.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`, "Authorization", authorization, "X-API-Key", key)
		}
		require.Equal(t, "p1", who(bearer, other.component.credential).member(t, "principal_key"), "the token goes first")
		require.Equal(t, "p2", who("Bearer bad", other.component.credential).member(t, "principal_key"))
		require.Equal(t, "p2", who("bearer "+forge(t, "HS256", apptest.JWTSecret, claimSet("nobody", nil)), other.component.credential).member(t, "principal_key"))
		require.Equal(t, "p1", who(bearer, "mgk_bad").member(t, "principal_key"))
		who("Bearer bad", "mgk_bad").anonymous(t)
		require.Equal(t, "p1", who(strings.Replace(bearer, "Bearer", "bEARER", 1), "").member(t, "principal_key"), "a scheme has no case")
	})
}

func TestAKnownCallerWithoutTheRightIsForbidden(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		jwt := func(subject string) wire {
			return wire{a, forge(t, "HS256", apptest.JWTSecret, claimSet(subject, nil))}
		}
		for _, subject := range []string{"nobody", "S1", "s1 ", "p1"} {
			jwt(subject).knock(t).refused(t, 403, "FORBIDDEN")
		}
		for _, caller := range []wire{w.component, jwt("s1")} {
			caller.knock(t).opened(t)
			for _, list := range everyList {
				caller.send(t, "GET", "/v1/admin/"+list, "").refused(t, 403, "FORBIDDEN")
			}
			caller.send(t, "POST", "/v1/admin/principals", `{"principal_key":"x","auth_subject":"x","principal_type":"admin"}`).refused(t, 403, "FORBIDDEN")
			caller.send(t, "PATCH", "/v1/admin/principals/"+w.principal, `{"principal_type":"admin"}`).refused(t, 403, "FORBIDDEN")
			caller.send(t, "DELETE", "/v1/admin/principals/"+w.principal, "").refused(t, 403, "FORBIDDEN")
		}
		require.Equal(t, 200, jwt("admin").send(t, "GET", "/v1/admin/principals", "").Status, "an admin by JWT")

		require.Equal(t, 200, w.admin.send(t, "PATCH", "/v1/admin/principals/"+w.principal, `{"status":"disabled"}`).Status)
		for _, caller := range []wire{w.component, jwt("s1")} {
			caller.knock(t).refused(t, 403, "FORBIDDEN")
			caller.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`).refused(t, 403, "FORBIDDEN")
		}
		require.Equal(t, 200, w.admin.send(t, "PATCH", "/v1/admin/principals/"+w.principal, `{"status":"active"}`).Status)
		w.component.knock(t).opened(t)

		require.Equal(t, 204, w.admin.send(t, "DELETE", "/v1/admin/principals/"+w.principal, "").Status)
		w.component.knock(t).anonymous(t)
		jwt("s1").knock(t).refused(t, 403, "FORBIDDEN")
		require.Len(t, w.admin.census(t)["startups"], 1)
	})
}

func TestAdminPrincipalKeysMakesAnAdmin(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		other := newWireWorld(t, w.admin, "2")
		require.Equal(t, 200, w.component.send(t, "GET", "/v1/admin/principals", "").Status)
		require.Equal(t, 200, w.component.send(t, "GET", "/v1/startup/"+other.startup, "").Status)
		other.component.send(t, "GET", "/v1/admin/principals", "").refused(t, 403, "FORBIDDEN")
	}, func(c *app.Config) { c.AdminPrincipalKeys = []string{"ops", "p1"} })
}

func TestAStartupOfAnotherPrincipalDoesNotExist(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w, other := newWireWorld(t, wire{a, apptest.AdminKey}, "1"), newWireWorld(t, wire{a, apptest.AdminKey}, "2")
		before := w.admin.census(t)
		unknown := w.component.knock(t).refused(t, 404, "SESSION_NOT_FOUND")
		for _, got := range []wired{
			other.component.send(t, "GET", "/v1/startup/"+w.startup, ""),
			other.component.send(t, "POST", "/v1/startup/ready", fmt.Sprintf(`{"startup_id":%q,"build_version":"1"}`, w.startup)),
			other.component.send(t, "POST", "/v1/startup/failed", fmt.Sprintf(`{"startup_id":%q,"error":"e"}`, w.startup)),
			// Who may not see it learns nothing of what else is wrong with the report.
			other.component.send(t, "POST", "/v1/startup/ready", fmt.Sprintf(`{"startup_id":%q,"build_version":"1","health":{"jobs":1}}`, w.startup)),
		} {
			require.Equal(t, unknown.Detail, got.refused(t, 404, "SESSION_NOT_FOUND").Detail)
		}
		require.Equal(t, before, w.admin.census(t))
		require.Equal(t, 200, w.admin.send(t, "GET", "/v1/startup/"+w.startup, "").Status)
		require.Equal(t, 200, w.admin.send(t, "POST", "/v1/startup/ready", fmt.Sprintf(`{"startup_id":%q,"build_version":"1"}`, w.startup)).Status)
		require.Equal(t, 200, w.admin.send(t, "POST", "/v1/startup/failed", fmt.Sprintf(`{"startup_id":%q,"error":"e"}`, other.startup)).Status)
	})
}
