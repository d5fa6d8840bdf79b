package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/storetest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// What a database had before it kept history is where its history begins.
func TestHistoryBeginsWithWhatADatabaseOfAnOlderServerHas(t *testing.T) {
	t.Parallel()
	testdb.Each(t, storetest.Migrate, func(t *testing.T, url string) {
		s := open(t, url)
		for undone := (store.Migration{}); undone.Version != 6; {
			var err error
			undone, err = s.MigrateDown(t.Context())
			require.NoError(t, err)
			require.NotZero(t, undone.Version)
		}
		const id, at = `'0192d6b0-6f3a-7c11-8e7f-0a1b2c3d4e5`, `'2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00')`
		const document = `'{"n": 12345678901234567890, "ten":1.10,"q":"\"<&>"}'`
		storetest.Behind(t, url,
			`INSERT INTO tenant_revisions (tenant_key, revision, epoch) VALUES ('default', 7, 1)`,
			`INSERT INTO principals (id, tenant_key, principal_key, auth_subject, principal_type, status, created_at, updated_at) VALUES (`+id+`1', 'default', 'p', 's"', 'component', 'active', `+at,
			`INSERT INTO profiles (id, tenant_key, profile_key, capabilities, policy, startup_sla_seconds, created_at, updated_at) VALUES (`+id+`2', 'default', 'p', `+document+`, '{}', 5, `+at,
			`INSERT INTO manifests (id, tenant_key, manifest_key, deployment_key, environment, services, memory_map, polling, schemas, version, created_at, updated_at) VALUES (`+id+`3', 'default', 'm', 'd', `+document+`, '{}', '{}', '{}', '{}', 3, `+at,
			`INSERT INTO bindings (id, tenant_key, principal_id, profile_id, manifest_id, overrides, active, created_at, updated_at) VALUES (`+id+`4', 'default', `+id+`1', `+id+`2', `+id+`3', '{}', true, `+at,
			`INSERT INTO secret_refs (id, tenant_key, secret_key, ref_kind, ref_name, ref_meta, status, created_at, updated_at) VALUES (`+id+`5', 'default', 'k', 'env', 'N', `+document+`, 'active', `+at,
		)
		_, err := s.Migrate(t.Context())
		require.NoError(t, err)
		start, err := s.GetHistoryStart(t.Context(), "default")
		require.NoError(t, err)
		require.EqualValues(t, 7, start.Revision)
		require.WithinDuration(t, store.Now(), start.StartedAt, time.Hour)
		_, err = s.GetHistoryStart(t.Context(), "another")
		require.True(t, store.IsNotFound(err))

		rows, err := s.ListBaseline(t.Context(), "default")
		require.NoError(t, err)
		got := map[string]map[string]json.RawMessage{}
		for _, r := range rows {
			var members map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(r.Document, &members))
			got[r.ResourceType] = members
		}
		require.Len(t, got, 5)
		require.Equal(t, `"s\""`, string(got["principal"]["auth_subject"]))
		require.Equal(t, `true`, string(got["binding"]["active"]))
		require.Equal(t, `3`, string(got["manifest"]["version"]))
		for typ, member := range map[string]string{"profile": "capabilities", "manifest": "environment", "secret_ref": "ref_meta"} {
			require.Contains(t, string(got[typ][member]), "12345678901234567890", "digits are kept")
			require.Contains(t, string(got[typ][member]), "1.10")
		}
	})
}
