package witness

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/store"
)

func TestCompiledPacketsStayWithinTheirBound(t *testing.T) {
	t.Parallel()
	doc := store.JSON(`{"a":"` + strings.Repeat("x", 2000) + `"}`)
	b, err := bootstrap.Compile(bootstrap.World{
		Profile:   store.Profile{Capabilities: doc, Policy: doc},
		Manifest:  store.Manifest{Environment: doc, Services: doc, MemoryMap: doc, Polling: doc, Schemas: doc},
		Overrides: store.JSON(`{}`),
	})
	require.NoError(t, err)
	require.Greater(t, b.Size(), 2*7*2000, "what it weighs is what it holds: literal and canonical")
	for _, bound := range []uint64{0, 1, 5_000, 1 << 20} {
		c := newBlueprints(bound)
		for n := range 1000 {
			overrides := fmt.Sprintf(`{"policy":{"n":%d,"text":%q}}`, n, strings.Repeat("y", n))
			key := blueprintKey{uuid.New(), uuid.New(), overrides}
			c.cache.Set(key, blueprintAt{epoch: 1, Blueprint: b})
			if n%100 == 0 {
				c.cache.CleanUp()
				require.LessOrEqual(t, c.cache.WeightedSize(), max(bound, 1))
			}
		}
		c.cache.CleanUp()
		require.LessOrEqual(t, c.cache.WeightedSize(), max(bound, 1))
		if bound >= 1<<20 {
			require.Greater(t, c.cache.EstimatedSize(), 20, "it does keep some")
		}
	}
}
