package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/testdb"
)

// The original's tables. Each row has an id, a tenant, which is default unless said
// otherwise, and the time of its making.
var originalTables = map[string]string{
	"principals":  "principal_key unique text, auth_subject unique text, principal_type text, status text active",
	"profiles":    "profile_key unique text, capabilities document, policy document, startup_sla_seconds number 120",
	"manifests":   "manifest_key unique text, deployment_key text default, environment document, services document, memory_map document, polling document, schemas document, version number",
	"bindings":    "principal_id of principals, profile_id of profiles, manifest_id of manifests, overrides optional document, active truth",
	"secret_refs": "secret_key unique text, ref_kind text env, ref_name text, ref_meta optional document, status text active",
	"api_keys":    "key_hash unique text, principal_id of principals, name text, status text active, last_used_at time, expires_at time",
}

// What the versions added: who wrote a row; and a log of the writes.
const (
	original660b040 = "660b040"
	originalE5b7ee4 = "e5b7ee4"
	originalAugust  = "2026-08" // SQLAlchemy made its tables, without the index on active bindings
)

// columnOf is a definition in SQL.
func columnOf(definition string) string {
	words := strings.Fields(definition)
	name, rest := words[0], strings.Join(words[1:], " ")
	kind, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(rest, "unique "), "optional "), " ")
	sql := name + " " + map[string]string{"text": "text", "document": "jsonb", "number": "integer", "truth": "boolean DEFAULT true", "time": "timestamptz", "of": "uuid REFERENCES " + value + " (id) ON DELETE CASCADE"}[kind]
	switch {
	case strings.HasPrefix(rest, "unique "):
		sql += " UNIQUE NOT NULL"
	case kind == "document" && !strings.HasPrefix(rest, "optional "):
		sql += " NOT NULL"
	case kind != "of" && value != "":
		sql += fmt.Sprintf(" DEFAULT '%s'", value)
	}
	return sql
}

// ids names rows in SQL: {p1} is a uuid that ends in what is in the braces.
var ids = strings.NewReplacer(
	"{1}", "'00000000-0000-4000-8000-000000000001'", "{2}", "'00000000-0000-4000-8000-000000000002'", "{3}", "'00000000-0000-4000-8000-000000000003'",
	"{4}", "'00000000-0000-4000-8000-000000000004'", "{5}", "'00000000-0000-4000-8000-000000000005'", "{6}", "'00000000-0000-4000-8000-000000000006'", "{7}", "'00000000-0000-4000-8000-000000000007'",
)

// originalDatabase makes a database of that version, with rows in it.
func originalDatabase(t *testing.T, version string, rows ...string) string {
	t.Helper()
	url := testdb.Postgres(t, nil)
	var sql strings.Builder
	tables := slices.Sorted(maps.Keys(originalTables))
	slices.SortStableFunc(tables, func(a, b string) int { // those that refer come last
		return strings.Count(originalTables[a], " of ") - strings.Count(originalTables[b], " of ")
	})
	for _, table := range tables {
		columns := []string{"id uuid PRIMARY KEY DEFAULT gen_random_uuid()", "tenant_key text DEFAULT 'default'", "created_at timestamptz DEFAULT now()"}
		for definition := range strings.SplitSeq(originalTables[table], ", ") {
			columns = append(columns, columnOf(definition))
		}
		if version != original660b040 {
			columns = append(columns, "created_by text")
		}
		fmt.Fprintf(&sql, "CREATE TABLE %s (%s);\n", table, strings.Join(columns, ", "))
	}
	if version != originalAugust {
		sql.WriteString("CREATE UNIQUE INDEX ON bindings (principal_id) WHERE active;\n")
	}
	if version != original660b040 {
		sql.WriteString("CREATE TABLE audit_log (id uuid PRIMARY KEY, action text NOT NULL);\n")
	}
	execute(t, url, sql.String()+ids.Replace(strings.Join(rows, "\n")))
	return url
}

func execute(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err, sql)
}

func hashOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

const originalKey = "mgk_demo_asyncgate_bootstrap_key"

// originalWorld is what every version can hold, all of which can be carried over.
var originalWorld = `
INSERT INTO secret_refs (secret_key, ref_name, ref_kind, ref_meta, status) VALUES ('s', 'S', NULL, 'null', 'active'), ('old', 'OLD', 'env', '{"a": 1}', 'inactive'), ('none', 'NONE', 'file', NULL, NULL);
INSERT INTO profiles (id, profile_key, capabilities, policy, startup_sla_seconds) VALUES ({1}, 'gate', '{"memory_read": true}', '{"n": 1.10, "html": "<&>"}', 60), ({2}, 'plain', '{}', 'null', 0);
INSERT INTO manifests (id, manifest_key, environment, services, memory_map, polling, schemas, version, tenant_key) VALUES
  ({1}, 'mesh', '{}', '{"s": {"url": "http://s", "deep": {"a": 1, "b": 2}}, "t": {"x": 1}}', '{}', '{}', '{}', 12, NULL);
INSERT INTO principals (id, principal_key, auth_subject, principal_type, status) VALUES ({1}, 'asyncgate', 'asyncgate@mesh', 'component', 'active'), ({2}, 'gone', 'gone@mesh', 'service', 'inactive');
INSERT INTO bindings (principal_id, profile_id, manifest_id, overrides, active) VALUES ({1}, {1}, {1}, '{"services": {"s": {"port": 1, "deep": {"a": 3}}}}', true), ({1}, {2}, {1}, NULL, false), ({2}, {2}, {1}, 'null', true), (NULL, {2}, {1}, NULL, NULL);
INSERT INTO api_keys (key_hash, principal_id, name, status, expires_at) VALUES ('` + hashOf(originalKey) + `', {1}, 'seed', 'active', NULL), ('` + hashOf(originalKey+"-ends") + `', {1}, 'ends', 'active', '2099-01-01T00:00:00.123456+01:00'),
  ('` + hashOf(originalKey+"-never") + `', {1}, 'never', 'active', 'infinity'), ('` + hashOf(originalKey+"-revoked") + `', {1}, 'revoked', 'revoked', NULL), ('` + hashOf(originalKey+"-expired") + `', {1}, 'expired', 'active', '2020-01-01T00:00:00Z'),
  ('$2b$12$abcdefghijklmnopqrstuv', {1}, 'revoked bcrypt', 'revoked', NULL);
`
