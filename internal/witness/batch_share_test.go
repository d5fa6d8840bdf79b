package witness

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
)

func TestNobodyTakesTheRoomThatIsLeftForOthers(t *testing.T) {
	t.Parallel()
	p := newPen()
	b, first := busy(t, p, 1000, 16)
	greedy, accepted := uuid.New(), 0
	over, cancel := context.WithCancel(t.Context())
	cancel() // whoever is let in doesn't wait
	for range 100 {
		if _, err := b.do(over, greedy, 1); !errs.Is(err, errs.Unavailable) {
			require.ErrorIs(t, err, context.Canceled)
			accepted++
		}
	}
	require.Equal(t, 8, accepted, "half, where nobody else asks")
	for n := range 8 {
		_, err := b.do(over, uuid.New(), n)
		require.ErrorIs(t, err, context.Canceled, "another is let in")
	}
	_, err := b.do(over, uuid.New(), 1)
	require.True(t, errs.Is(err, errs.Unavailable), "until it is full")
	p.open(2)
	<-first
	b.close()
	require.Empty(t, b.waiting, "who has left the queue is forgotten")
}
