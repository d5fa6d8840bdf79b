package outcomes

import (
	"context"

	"github.com/legivellum/metagate/internal/store"
)

// nameSet is whose names are bounded together.
type nameSet struct {
	tenant, dimension string
	hour              int64
}

// names are those that hours count apart.
type names map[nameSet]map[string]bool

// bounded takes the names away that an hour has no room for: components and build
// versions are whatever callers say.
func (all names) bounded(ctx context.Context, q store.Queries, counts tally) (tally, error) {
	out := make(tally, len(counts))
	for c, n := range counts {
		if c.name != "" && (c.dimension == dimComponent || c.dimension == dimBuild) {
			set := nameSet{c.tenant, c.dimension, c.hour}
			known, err := all.known(ctx, q, set)
			if err != nil {
				return nil, err
			}
			if !known[c.name] && len(known) >= maxNames {
				c.name = ""
			} else {
				known[c.name] = true
			}
		}
		if out[c] += n; out[c] == 0 {
			delete(out, c)
		}
	}
	return out, nil
}

func (all names) known(ctx context.Context, q store.Queries, set nameSet) (map[string]bool, error) {
	if known := all[set]; known != nil {
		return known, nil
	}
	listed, err := q.ListOutcomeNames(ctx, store.ListOutcomeNamesParams{
		TenantKey: set.tenant, Dimension: set.dimension, Hour: timeOf(set.hour), RowLimit: maxNames + 1,
	})
	if err != nil {
		return nil, err
	}
	if len(all) > 100 { // of hours that are long over
		clear(all)
	}
	known := make(map[string]bool, len(listed))
	for _, name := range listed {
		known[name] = true
	}
	all[set] = known
	return known, nil
}
