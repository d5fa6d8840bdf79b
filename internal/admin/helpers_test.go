package admin_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/storetest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

const (
	plain = "an-admin-key-that-is-long-enough-for-the-door"
	other = "another-admin-key-that-is-long-enough-as-well"
)

var actor = identity.Caller{PrincipalKey: "root", TenantKey: "default", Method: model.AuthMethodAPIKey, RequestID: "r", RemoteAddr: "::1"}

func each(t *testing.T, f func(t *testing.T, s *admin.Service)) {
	t.Helper()
	testdb.Each(t, storetest.Migrate, func(t *testing.T, url string) {
		st, err := store.Open(t.Context(), url)
		require.NoError(t, err)
		t.Cleanup(st.Close)
		f(t, &admin.Service{Store: st, Now: store.Now, DefaultSLA: 120, MaxDocument: 4096})
	})
}

// opens says which principal a key opens the door to, if any.
func opens(t *testing.T, s *admin.Service, key string) string {
	t.Helper()
	hash, err := identity.HashAPIKey(key)
	require.NoError(t, err)
	row, err := s.Store.GetIdentityByKeyHash(t.Context(), hash)
	if store.IsNotFound(err) || (err == nil && (row.KeyStatus != "active" || row.Status != "active" ||
		(row.KeyExpiresAt != nil && row.KeyExpiresAt.Before(time.Now())))) {
		return ""
	}
	require.NoError(t, err)
	return row.PrincipalKey
}

// audit lists what was written, oldest first: "update binding KEY".
func audit(t *testing.T, s *admin.Service) []string {
	t.Helper()
	rows, err := s.Store.ListAuditLog(t.Context(), store.ListAuditLogParams{BeforeID: store.MaxID, RowLimit: 1000})
	require.NoError(t, err)
	out := []string{}
	for _, r := range rows {
		text, err := json.Marshal(r)
		require.NoError(t, err)
		for _, key := range []string{plain, other} {
			hash, err := identity.HashAPIKey(key)
			require.NoError(t, err)
			require.NotContains(t, string(text), key)
			require.NotContains(t, string(text), hash)
		}
		out = append([]string{strings.Join([]string{r.Action, r.ResourceType, r.ResourceKey}, " ")}, out...)
	}
	return out
}

// at tells where a tenant is: nowhere before its first write.
func at(t *testing.T, s *admin.Service, tenant string) store.GetRevisionRow {
	t.Helper()
	row, err := s.Store.GetRevision(t.Context(), tenant)
	if store.IsNotFound(err) {
		return store.GetRevisionRow{}
	}
	require.NoError(t, err)
	return row
}
