package witness

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// writes is what a batcher writes with here: each takes a millisecond.
type writes struct {
	sizes  []int
	starts []time.Duration
}

func start(w *writes, dear bool) (b *batcher[int, int], call func(callers int)) {
	zero := time.Now()
	b = newBatcher(dear, 1, 256, 1000, func(_ context.Context, rows []int) ([]int, error) {
		w.sizes, w.starts = append(w.sizes, len(rows)), append(w.starts, time.Since(zero))
		time.Sleep(time.Millisecond)
		return rows, nil
	})
	return b, func(callers int) {
		var group sync.WaitGroup
		for n := range callers {
			group.Go(func() { _, _ = b.do(context.Background(), uuid.New(), n) })
		}
		group.Wait()
	}
}

// The clock is synctest's.
func TestACallerThatIsAloneNeverWaitsForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w writes
		b, call := start(&w, false)
		for range 3 {
			call(1)
		}
		require.Equal(t, []time.Duration{0, time.Millisecond, 2 * time.Millisecond}, w.starts)
		b.close()
	})
}

func TestAWriteWaitsForHalfOfThoseWhoWereThereButNotForLong(t *testing.T) {
	t.Parallel()
	const write = time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		var w writes
		b, call := start(&w, false)
		crowd := func() {
			go call(1)
			synctest.Wait() // it is being written
			call(7)
		}
		crowd()
		go call(1)
		time.Sleep(patience / 2)
		call(2)
		require.Equal(t, []int{1, 7, 3}, w.sizes)
		require.Equal(t, 2*write+patience/2, w.starts[2], "half of seven were there before its patience ended")
		crowd()
		call(1)
		require.Equal(t, []int{1, 7, 3, 1, 7, 1}, w.sizes)
		require.Equal(t, 5*write+patience/2+patience, w.starts[5], "nobody else came")
		b.close()
	})
}

func TestWhereCommitsAreDearAWriteWaitsForMostOfACrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, dear := range []bool{false, true} {
			var w writes
			b, call := start(&w, dear)
			go call(1)
			synctest.Wait() // it is being written
			call(100)
			began := w.starts[1] + time.Millisecond // where the crowd's write ended
			go call(40)
			time.Sleep(patience)
			go call(40)
			time.Sleep(time.Second)
			b.close()
			if !dear {
				require.Equal(t, began, w.starts[2], "of those who came at once there were enough")
			} else {
				require.Equal(t, began+patience, w.starts[2], "three quarters of them were there")
				require.GreaterOrEqual(t, w.sizes[2], 75)
			}
		}
	})
}

func TestNobodyWaitsLongForACrowdThatHasGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w writes
		b, call := start(&w, true)
		go call(1)
		synctest.Wait()
		call(100)
		began := w.starts[1] + time.Millisecond
		call(1)
		call(1)
		require.Equal(t, []int{1, 100, 1, 1}, w.sizes)
		require.Equal(t, began+crowdPatience, w.starts[2])
		require.Equal(t, began+crowdPatience+time.Millisecond, w.starts[3], "and the next is alone")
		b.close()
	})
}
