package store

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/legivellum/metagate/gen/litebatch"
	"github.com/legivellum/metagate/gen/pgbatch"
)

// LastComponents tells which component each of a tenant's principals started
// last; one that never started is left out. On SQLite it reads back to the
// oldest of them, and past every receipt for one that never started.
func (s *Store) LastComponents(ctx context.Context, tenantKey string, principalKeys []string) (map[string]string, error) {
	return s.engine.lastComponents(ctx, tenantKey, principalKeys)
}

func (e pg) lastComponents(ctx context.Context, tenantKey string, principalKeys []string) (map[string]string, error) {
	rows, err := pgbatch.New(e.pool).ListLastStarted(ctx, pgbatch.ListLastStartedParams{TenantKey: tenantKey, PrincipalKeys: principalKeys})
	if err != nil {
		return nil, err
	}
	last := make(map[string]string, len(rows))
	for _, r := range rows {
		last[r.PrincipalKey] = r.ComponentKey
	}
	return last, nil
}

const lastPage = 4096 // receipts read at once, at most

func (e embedded) lastComponents(ctx context.Context, tenantKey string, principalKeys []string) (map[string]string, error) {
	q, last := litebatch.New(e.r), map[string]string{}
	unknown := func(key string) bool { _, ok := last[key]; return !ok }
	for before, wanted := MaxID, slices.Clone(principalKeys); len(wanted) > 0; {
		keys, err := json.Marshal(wanted)
		if err != nil {
			return nil, err
		}
		page := min(2*len(wanted), lastPage)
		rows, err := q.ListLastStarted(ctx, litebatch.ListLastStartedParams{
			TenantKey: tenantKey, BeforeID: before, PrincipalKeys: string(keys), RowLimit: int64(page),
		})
		if err != nil {
			return nil, err
		}
		for _, r := range rows { // newest first
			if unknown(r.PrincipalKey) {
				last[r.PrincipalKey] = r.ComponentKey
			}
		}
		if len(rows) < page {
			break
		}
		before = rows[len(rows)-1].ID
		wanted = slices.DeleteFunc(wanted, func(key string) bool { return !unknown(key) })
	}
	return last, nil
}
