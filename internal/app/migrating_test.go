package app_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// migrating is the one block of that language in docs/migrating-from-python.md.
func migrating(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/migrating-from-python.md")
	require.NoError(t, err)
	m := regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	require.Len(t, m, 1, language)
	return m[0][1]
}

// original is what the query of the guide needs of the original's tables, with a world in them.
const original = `
CREATE TABLE principals (id int, tenant_key text, principal_key text, auth_subject text, principal_type text, status text);
CREATE TABLE profiles (id int, tenant_key text, profile_key text, capabilities jsonb, policy jsonb, startup_sla_seconds int);
CREATE TABLE manifests (id int, tenant_key text, manifest_key text, deployment_key text, environment jsonb, services jsonb, memory_map jsonb, polling jsonb, schemas jsonb, version int);
CREATE TABLE bindings (id int, tenant_key text, principal_id int, profile_id int, manifest_id int, overrides jsonb, active boolean);
CREATE TABLE secret_refs (id int, tenant_key text, secret_key text, ref_kind text, ref_name text, ref_meta jsonb, status text);
CREATE TABLE api_keys (id int, tenant_key text, key_hash text, principal_id int, name text, status text, expires_at timestamptz);
INSERT INTO principals VALUES (1, 'default', 'asyncgate', 'asyncgate@mesh', 'component', 'active'), (2, 'default', 'gone', 'gone@mesh', 'service', 'inactive'), (3, 'other', 'other', 'other@mesh', 'component', 'active');
INSERT INTO profiles VALUES (1, 'default', 'gate', '{"memory_read": true}', '{"n": 1.10}', 60), (2, 'default', 'plain', '{}', '{}', 0), (3, 'other', 'other', '{}', '{}', 120);
INSERT INTO manifests VALUES (1, 'default', 'mesh', 'local', '{}', '{"s": {"url": "http://s"}}', '{}', '{}', '{}', 12);
INSERT INTO bindings VALUES (1, 'default', 1, 1, 1, '{"services": {"s": {"port": 1}}}', true), (2, 'default', 1, 2, 1, NULL, false), (3, 'default', 2, 2, 1, NULL, true);
INSERT INTO secret_refs VALUES (1, 'default', 's', 'env', 'S', NULL, 'active'), (2, 'default', 'old', 'env', 'OLD', '{"a": 1}', 'inactive');
INSERT INTO api_keys VALUES (1, 'default', '%[1]s', 1, 'seed', 'active', NULL), (2, 'default', '%[2]s', 1, 'ends', 'active', '2099-01-01T00:00:00+01:00'),
  (3, 'default', '$2b$12$abcdefghijklmnopqrstuv', 1, 'bcrypt', 'active', NULL), (4, 'default', '%[3]s', 1, 'revoked', 'revoked', NULL),
  (5, 'default', '%[4]s', 1, 'expired', 'active', '2020-01-01T00:00:00Z'), (6, 'other', '%[5]s', 3, 'others', 'active', NULL);`

func TestTheGuidesQueryMakesAWorldOfTheOriginalsDatabase(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), testdb.Postgres(t, nil))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	hash := func(what string) string { return sha256Of(chosen + what) }
	_, err = conn.Exec(t.Context(), fmt.Sprintf(original, hash(""), hash("-ends"), hash("-revoked"), hash("-expired"), hash("-other")))
	require.NoError(t, err)
	var world string
	require.NoError(t, conn.QueryRow(t.Context(), migrating(t, "sql")).Scan(&world))

	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		require.Equal(t, 11, w.try(t, asJSON, world).Is(t, 200).JSON200.Summary.Create, world)
		unchanged(t, *w.try(t, asJSON, world).Is(t, 200).JSON200)
		for key, who := range map[string]string{"": "asyncgate", "-ends": "asyncgate", "-revoked": "", "-expired": "", "-other": ""} {
			require.Equal(t, who, w.wire.opens(t, chosen+key), key)
		}
		packet := wire{a, chosen}.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`)
		require.EqualValues(t, 12, packet.member(t, "manifest_version"))
		require.Equal(t, map[string]any{"s": map[string]any{"url": "http://s", "port": 1.0}}, packet.member(t, "services"), "deep, as the guide says")
		require.Contains(t, packet.Body, `"policy":{"n":1.10}`)
		require.Len(t, packet.member(t, "required_env"), 1)
		require.Equal(t, 403, wire{a, token(t, "gone@mesh")}.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`).Status)
	})
}

func TestTheGuidesComposeFileStartsWhatItSays(t *testing.T) {
	t.Parallel()
	var file struct {
		Services map[string]struct{ Environment map[string]string }
		Configs  map[string]struct{ Content string }
	}
	text, err := doc.YAMLToJSON([]byte(migrating(t, "yaml")), 1<<20)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &file))
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.try(t, asYAML, file.Configs["world"].Content).Is(t, 200)
		unchanged(t, *w.try(t, asYAML, file.Configs["world"].Content, prune).Is(t, 200).JSON200)
		require.Equal(t, "asyncgate", w.wire.opens(t, chosen))
		require.Equal(t, "00000000-0000-0000-0000-000000000000", onlyTenant(t, w.wire, "/v1/admin/principals"))
	}, func(c *app.Config) {
		env := file.Services["metagate"].Environment
		c.DefaultTenantKey = env["METAGATE_DEFAULT_TENANT_KEY"]
		for name := range env { // each is read by its name in internal/cli
			require.True(t, strings.HasPrefix(name, "METAGATE_"), name)
		}
	})
}
