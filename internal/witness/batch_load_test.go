package witness

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestHundredsAtOnceGetTheirOwnAnswers(t *testing.T) {
	t.Parallel()
	p := newPen()
	close(p.gate)
	p.entered = make(chan int, 1_000_000)
	p.fails = func(rows []int) error {
		for _, r := range rows {
			if r%97 == 13 {
				return errors.New("a bad row")
			}
		}
		return nil
	}
	b := newBatcher(false, 2, 16, 10_000, p.write)
	var callers sync.WaitGroup
	for c := range 500 {
		callers.Go(func() {
			for i := range 20 {
				n := 20*c + i
				ctx, hangUp := context.WithCancel(context.Background())
				if n%7 == 0 {
					go hangUp()
				}
				out, err := b.do(ctx, uuid.New(), n)
				switch {
				case n%97 == 13:
					if err == nil {
						t.Errorf("%d: a bad row that was written", n)
					}
				case err == nil && out != 2*n, err != nil && n%7 != 0:
					t.Errorf("%d: %d, %v", n, out, err)
				}
				hangUp()
			}
		})
	}
	callers.Wait()
	b.close()
	seen := map[int]bool{}
	for _, n := range p.rows() {
		require.False(t, seen[n], "%d was written twice", n)
		require.NotEqual(t, 13, n%97)
		seen[n] = true
	}
	for n := range 10_000 {
		require.True(t, seen[n] || n%97 == 13 || n%7 == 0, "%d was answered and not written", n)
	}
}
