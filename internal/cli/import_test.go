package cli

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// refusedImport is what an import that must not write says.
func refusedImport(t *testing.T, a *apptest.App, args ...string) (code int, lines []string) {
	t.Helper()
	before := ok(t, a, "export")
	r := remotely(t.Context(), a, append([]string{"import"}, args...)...)
	require.NotZero(t, r.code, r.out)
	require.Equal(t, before, ok(t, a, "export"), "nothing was written")
	require.NotRegexp(t, `\$2b|[0-9a-f]{64}|hunter2`, r.log+r.out, "no secret, no hash")
	return r.code, strings.Split(strings.TrimSpace(r.log), "\n")
}

func TestImportRefusesWhatIsNotTheOriginalsDatabase(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, sqliteURL(t), func(c *app.Config) { c.AdminAllowCrossTenant = true })
	other, ours := testdb.Postgres(t, nil), testdb.Postgres(t, apptest.Migrate)
	half := originalDatabase(t, originalE5b7ee4, "ALTER TABLE principals DROP COLUMN auth_subject;")
	for url, want := range map[string]string{
		"postgres://u:hunter2@127.0.0.1:1/d":     "can't be reached",
		"postgres://u:hunter2%zz@127.0.0.1/d":    "no PostgreSQL URL",
		"mysql://u:hunter2@h/d":                  "want postgres://",
		strings.Replace(other, "?", "-gone?", 1): "does not exist",
		other:                                    "it has no table principals",
		half:                                     "its table principals has no column auth_subject",
		ours:                                     "database of this program",
	} {
		code, lines := refusedImport(t, a, url)
		require.Equal(t, 1, code)
		require.Len(t, lines, 1, lines)
		require.Contains(t, lines[0], want)
	}
	code, lines := refusedImport(t, a)
	require.Equal(t, 2, code)
	require.Contains(t, lines[0], "METAGATE_ORIGINAL")
	code, lines = refusedImport(t, a, originalDatabase(t, original660b040, originalWorld), "--tenant=nobody")
	require.Equal(t, 1, code)
	require.Contains(t, lines[0], `nothing of tenant "nobody"`)

	code, lines = refusedImport(t, a, originalDatabase(t, original660b040, `INSERT INTO profiles (tenant_key, profile_key, capabilities, policy) VALUES ('two words', 'p', '{}', '{}');`))
	require.Equal(t, 3, code)
	require.Regexp(t, `^/tenant_key: .*`, lines[0])
	require.Contains(t, lines[1], "tenant two words: INVALID_REQUEST")
	code, lines = refusedImport(t, a, originalDatabase(t, original660b040, `INSERT INTO profiles (tenant_key, profile_key, capabilities, policy) VALUES ('', 'p', '{}', '{}');`))
	require.Equal(t, 1, code)
	require.Contains(t, lines[0], `can't be carried over: tenants "": a tenant without a name`)
	_, lines = refusedImport(t, a, originalDatabase(t, original660b040, `INSERT INTO principals (id, principal_key, auth_subject, principal_type) VALUES ({1}, 'p', 'p', 'component');
		INSERT INTO api_keys (key_hash, principal_id, name) VALUES (upper('`+hashOf("x")+`'), {1}, 'capitals');`))
	require.Contains(t, lines[0], `api_keys p "capitals": its hash is no SHA-256`)
}

func TestImportTellsWhatItCantCarryBeforeItWrites(t *testing.T) {
	t.Parallel()
	url := originalDatabase(t, originalAugust, originalWorld, `
INSERT INTO profiles (id, profile_key, capabilities, policy) VALUES ({3}, 'two words', '{}', '{}'), ({4}, 'jobs', '{"a": [{"Jobs": 1}]}', '{}'), ({5}, 'others', '{}', '{}');
UPDATE profiles SET tenant_key = 'other' WHERE profile_key = 'others';
INSERT INTO manifests (id, manifest_key, environment, services, memory_map, polling, schemas, version) VALUES ({2}, 'bad', '{}', '{"s": {"tasks": 1, "list": [{"deploy": 1}]}}', '[]', '{}', '{}', 1);
INSERT INTO principals (id, principal_key, auth_subject, principal_type) VALUES ({3}, 'twice', 'twice', 'component'), ({4}, 'bad-manifest', 'b', 'component'), ({5}, 'forbidden', 'f', 'component'), ({6}, 'elsewhere', 'e', 'component'), ({7}, 'sections', 's', 'component');
INSERT INTO bindings (principal_id, profile_id, manifest_id, overrides, created_at) VALUES ({3}, {2}, {1}, '{"polling": {"old": 1}}', '2026-01-01'), ({3}, {2}, {1}, '{"polling": {"new": 1}}', '2026-01-02'),
  ({4}, {2}, {2}, NULL, now()), ({5}, {2}, {1}, '{"polling": {"x": {"execute": 1}}}', now()), ({6}, {5}, {1}, NULL, now()), ({7}, {2}, {1}, '{"environment": {"x": 1}, "polling": {"y": null, "z": 1}}', now());
INSERT INTO bindings (principal_id, profile_id, manifest_id) VALUES (NULL, {2}, {1}), ({2}, NULL, {1});
INSERT INTO api_keys (key_hash, principal_id, name) VALUES ('$2b$12$abcdefghijklmnopqrstuw', {1}, 'bcrypt'), ('secret', {1}, 'odd'), ('`+hashOf("nobody")+`', NULL, 'nobody');`)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		code, lines := refusedImport(t, a, url, "--tenant=default")
		require.Equal(t, 1, code)
		said := strings.Join(lines, "\n")
		for _, want := range []string{
			`manifests bad: /services/s/tasks: "tasks" is a forbidden key`, `manifests bad: /services/s/list/0/deploy: `, "manifests bad: /memory_map: ",
			`profiles two words: /profile_key: `, `profiles jobs: /capabilities/a/0/Jobs: `, `bindings forbidden: /overrides/polling/x/execute: `,
			`bindings bad-manifest: /manifest: no such manifest`, `bindings twice: the principal has a newer active one`, `bindings elsewhere: its profile is of tenant "other"`,
			`bindings sections: /overrides/environment: the original doesn't read`, `bindings sections: /overrides/polling/y: null is a value there`,
			`it names no principal that is there`, `bindings gone: it names no profile`, `api_keys asyncgate "bcrypt": its hash is bcrypt's`, `api_keys asyncgate "odd": its hash is no SHA-256`, `"nobody": it names no principal`,
		} {
			require.Contains(t, said, want)
		}
		require.Contains(t, lines[len(lines)-1], "--skip")
		require.NotContains(t, said, "revoked bcrypt", "it opens nothing there")

		foretold, _ := refusedImport(t, a, url, "--tenant=default", "--dry-run")
		require.Equal(t, 1, foretold)
		for range 2 {
			r := remotely(t.Context(), a, "import", url, "--tenant=default", "--skip")
			require.Zero(t, r.code, r.log)
			require.Equal(t, len(lines)-1, strings.Count(r.log, "\n"))
		}
		r := remotely(t.Context(), a, "import", url, "--tenant=default", "--skip", "--dry-run", "--exit-code")
		require.Zero(t, r.code, "a second import changes nothing: %s", r.out)
		require.Contains(t, ok(t, a, "explain", "twice", "c"), `"new": 1`)
		require.NotContains(t, ok(t, a, "export"), "tasks")
	})
}

func TestImportMakesTheOriginalsWorld(t *testing.T) {
	t.Parallel()
	for _, version := range []string{original660b040, originalE5b7ee4, originalAugust} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			url := strings.Replace(originalDatabase(t, version, originalWorld), "postgres://", "postgresql+asyncpg://", 1)
			before := contents(t, url)
			apptest.Each(t, func(t *testing.T, a *apptest.App) {
				foretold := ok(t, a, "import", url, "--dry-run")
				require.Contains(t, foretold, "+ api key asyncgate: seed\n")
				require.Contains(t, foretold, "dry run, nothing was changed: 13 to create, 0 to update, 0 to delete, 0 unchanged\n")
				require.Contains(t, foretold, "left behind as of no use: 3 revoked or expired API keys, 2 inactive bindings\n")
				require.Regexp(t, `(?m)^asyncgate \(asyncgate\) would get packet [0-9a-f]{8}$`, foretold)
				pending := remotely(t.Context(), a, "import", url, "--dry-run", "--exit-code", "-o", "json")
				require.Equal(t, 4, pending.code)
				promised := importedOf(t, pending.out)
				require.Equal(t, 13, promised.Plan.Summary.Create)
				require.Len(t, promised.Packets, 1, "who is disabled gets none")
				require.Contains(t, ok(t, a, "import", url, "-m", "moving"), "done: 13 created, 0 updated, 0 deleted, 0 unchanged\n")
				require.Contains(t, ok(t, a, "import", url), "done: 0 created, 0 updated, 0 deleted, 13 unchanged\n", "a second run changes nothing")
				ok(t, a, "import", url, "--dry-run", "--exit-code")

				again := importedOf(t, ok(t, a, "import", url, "-o", "json"))
				require.Equal(t, model.PlanSummary{Unchanged: 13}, again.Plan.Summary)
				require.Empty(t, again.Packets)
				for key, status := range map[string]int{"": 200, "-ends": 200, "-never": 200, "-revoked": 401, "-expired": 401} {
					code, packet := bootstrapAs(t, a, originalKey+key)
					require.Equal(t, status, code, key)
					if status == 200 {
						require.JSONEq(t, `{"s": {"port": 1, "deep": {"a": 3}}, "t": {"x": 1}}`, string(packet["services"]), "members are replaced whole, as there")
						require.Equal(t, `{"n":1.10,"html":"<&>"}`, string(packet["policy"]))
						for name, value := range promised.Packets["asyncgate"] {
							require.JSONEq(t, string(value), string(packet[name]), "%s is as the dry run said", name)
						}
						require.Len(t, promised.Packets["asyncgate"], 11)
						require.Equal(t, "12", string(packet["manifest_version"]))
						require.JSONEq(t, `[{"secret_key": "s", "ref_kind": "env", "ref_name": "S", "ref_meta": {}}]`, string(packet["required_env"]))
					}
				}
				require.Contains(t, ok(t, a, "get", "principal", "gone", "-o", "yaml"), "status: disabled")
				require.Contains(t, ok(t, a, "audit", "-o", "json"), "moving")
			})
			require.Equal(t, before, contents(t, url), "it is only read")
		})
	}
}

func TestImportBringsEveryTenant(t *testing.T) {
	t.Parallel()
	url := originalDatabase(t, originalE5b7ee4, originalWorld, `
INSERT INTO profiles (id, tenant_key, profile_key, capabilities, policy) VALUES ({6}, 'other', 'theirs', '{}', '{}');
INSERT INTO principals (id, tenant_key, principal_key, auth_subject, principal_type) VALUES ({6}, 'other', 'theirs', 'theirs', 'component');`)
	a := apptest.Start(t, sqliteURL(t))
	code, lines := refusedImport(t, a, url)
	require.Equal(t, 3, code)
	require.Contains(t, lines[0], "tenant other: FORBIDDEN")
	require.Contains(t, ok(t, a, "import", url, "--tenant=default"), "13 created")

	a = apptest.Start(t, sqliteURL(t), func(c *app.Config) { c.AdminAllowCrossTenant = true })
	out := ok(t, a, "import", url)
	require.Contains(t, out, "the original's database, with the tables of e5b7ee4\ntenant default\n")
	require.Contains(t, out, "tenant other\n+ profile theirs\n+ principal theirs\n")
	require.Contains(t, ok(t, a, "export", "--tenant=other"), "principal_key: theirs")
}

func TestImportTakesTheOriginalsOwnAdmin(t *testing.T) {
	t.Parallel()
	url := originalDatabase(t, original660b040, `INSERT INTO principals (principal_key, auth_subject, principal_type) VALUES ('admin', 'admin@there', 'admin'), ('metagate', 'm', 'admin');`)
	a := apptest.Start(t, sqliteURL(t))
	out := ok(t, a, "import", url)
	require.Contains(t, out, "~ principal admin\n    ~ /auth_subject: \"admin\" → \"admin@there\"\n")
	require.Contains(t, out, "done: 1 created, 1 updated")
	require.Contains(t, ok(t, a, "import", url), "done: 0 created, 0 updated, 0 deleted, 2 unchanged\n")
}

func importedOf(t *testing.T, text string) imported {
	t.Helper()
	var all []imported
	require.NoError(t, json.Unmarshal([]byte(text), &all))
	require.Len(t, all, 1)
	return all[0]
}

// contents is all that is in the tables that are read.
func contents(t *testing.T, url string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), strings.Replace(url, "+asyncpg", "", 1))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var all strings.Builder
	for _, table := range slices.Sorted(maps.Keys(originalTables)) {
		var text string
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT coalesce(string_agg(x::text, ';' ORDER BY x::text), '') FROM "+table+" x").Scan(&text))
		all.WriteString(text)
	}
	return all.String()
}

func bootstrapAs(t *testing.T, a *apptest.App, key string) (status int, packet map[string]json.RawMessage) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL+"/v1/bootstrap", strings.NewReader(`{"component_key":"asyncgate"}`))
	require.NoError(t, err)
	r.Header.Set("X-API-Key", key)
	resp, err := a.HTTP(t).Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&packet))
	return resp.StatusCode, packet
}
