package outcomes

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRefusalsAreBoundedAndWhatIsLeftOutIsCounted(t *testing.T) {
	t.Parallel()
	r, at := &Refusals{}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for round := range 2 {
		for n := range heldRefusals + 100 {
			r.Add(Refused{Code: "NO_BINDING", Principal: fmt.Sprint(n), Detail: strings.Repeat("é\x00\xff", 1000), At: at.Add(time.Duration(round) * time.Hour)})
		}
	}
	require.Len(t, r.held, heldRefusals)
	require.EqualValues(t, 200, r.Dropped())
	for _, c := range r.held {
		require.EqualValues(t, 2, c.n)
		require.Equal(t, []time.Time{at, at.Add(time.Hour)}, []time.Time{c.first, c.last})
		require.LessOrEqual(t, len(c.detail), longestDetail+len("…"))
		require.NotContains(t, c.detail, "\x00")
		require.Equal(t, strings.ToValidUTF8(c.detail, ""), c.detail)
	}
}
