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

// bounded takes the names away that an hour has no room for: components and build
// versions are whatever callers say.
func (r *Reader) bounded(ctx context.Context, counts tally) (tally, error) {
	out := make(tally, len(counts))
	for c, n := range counts {
		if c.name != "" && (c.dimension == dimComponent || c.dimension == dimBuild) {
			set := nameSet{c.tenant, c.dimension, c.hour}
			known, err := r.known(ctx, set)
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

func (r *Reader) known(ctx context.Context, set nameSet) (map[string]bool, error) {
	if known := r.names[set]; known != nil {
		return known, nil
	}
	names, err := r.Store.ListOutcomeNames(ctx, store.ListOutcomeNamesParams{
		TenantKey: set.tenant, Dimension: set.dimension, Hour: timeOf(set.hour), RowLimit: maxNames + 1,
	})
	if err != nil {
		return nil, err
	}
	if r.names == nil || len(r.names) > 100 { // of hours that are long over
		r.names = map[nameSet]map[string]bool{}
	}
	known := make(map[string]bool, len(names))
	for _, name := range names {
		known[name] = true
	}
	r.names[set] = known
	return known, nil
}
