package witness

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// pen is what a batcher writes with here: it doubles numbers, keeps a record,
// and waits at the gate.
type pen struct {
	mu      sync.Mutex
	wrote   [][]int
	entered chan int      // gets the size of each write as it begins
	gate    chan struct{} // each write takes one
	fails   func(rows []int) error
}

func newPen() *pen {
	return &pen{entered: make(chan int, 1000), gate: make(chan struct{}, 1000), fails: func([]int) error { return nil }}
}

func (p *pen) write(_ context.Context, rows []int) ([]int, error) {
	p.entered <- len(rows)
	<-p.gate
	if err := p.fails(rows); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrote = append(p.wrote, append([]int{}, rows...))
	out := make([]int, len(rows))
	for i, r := range rows {
		out[i] = 2 * r
	}
	return out, nil
}

func (p *pen) rows() (all []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.wrote {
		all = append(all, w...)
	}
	return all
}

type result struct {
	out int
	err error
}

// ask hands n in and returns when it waits in the queue.
func ask(t *testing.T, b *batcher[int, int], ctx context.Context, n int) <-chan result { //nolint:revive // t comes first in tests
	t.Helper()
	waiting, got := len(b.queue), make(chan result, 1)
	go func() {
		out, err := b.do(ctx, uuid.New(), n)
		got <- result{out, err}
	}()
	for len(b.queue) == waiting {
		require.NoError(t, t.Context().Err())
	}
	return got
}

// busy is a batcher whose one writer is in a write, of row 0.
func busy(t *testing.T, p *pen, maxRows, maxWaiting int) (*batcher[int, int], <-chan result) {
	t.Helper()
	b := newBatcher(false, 1, maxRows, maxWaiting, p.write)
	first := make(chan result, 1)
	go func() {
		out, err := b.do(context.Background(), uuid.New(), 0)
		first <- result{out, err}
	}()
	require.Equal(t, 1, <-p.entered)
	return b, first
}

func (p *pen) open(n int) {
	for range n {
		p.gate <- struct{}{}
	}
}

func TestWhatArrivesDuringAWriteGoesTogetherInTheNext(t *testing.T) {
	t.Parallel()
	p := newPen()
	b, first := busy(t, p, 4, 10)
	var waiting []<-chan result
	for n := range 6 {
		waiting = append(waiting, ask(t, b, t.Context(), n+1))
	}
	p.open(3)
	require.Equal(t, result{0, nil}, <-first)
	for n, w := range waiting {
		require.Equal(t, result{2 * (n + 1), nil}, <-w)
	}
	require.Equal(t, [][]int{{0}, {1, 2, 3, 4}, {5, 6}}, p.wrote, "in order, and no more than the limit at once")
	b.close()
}

func TestABadRowFailsAlone(t *testing.T) {
	t.Parallel()
	p := newPen()
	bad := errors.New("a bad row")
	p.fails = func(rows []int) error {
		if slices.Contains(rows, 2) {
			return bad
		}
		return nil
	}
	b, first := busy(t, p, 10, 10)
	var waiting []<-chan result
	for n := 1; n <= 4; n++ {
		waiting = append(waiting, ask(t, b, t.Context(), n))
	}
	p.open(100)
	require.NoError(t, (<-first).err)
	for i, w := range waiting {
		if n := i + 1; n == 2 {
			require.ErrorIs(t, (<-w).err, bad)
		} else {
			require.Equal(t, result{2 * n, nil}, <-w)
		}
	}
	require.ElementsMatch(t, []int{0, 1, 3, 4}, p.rows(), "each once")
	b.close()
}

func TestADatabaseThatDoesNotAnswerFailsTheWholeBatchAndNothingIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]error{
		"it takes too long":         context.DeadlineExceeded,
		"it says so":                errs.New(errs.Unavailable, "gone"),
		"the connection is cut off": errors.Join(errors.New("x"), context.Canceled),
	} {
		p := newPen()
		p.fails = func(rows []int) error {
			if rows[0] == 0 {
				return nil
			}
			return gone
		}
		b, first := busy(t, p, 10, 10)
		a, c := ask(t, b, t.Context(), 1), ask(t, b, t.Context(), 2)
		p.open(100)
		<-first
		for _, w := range []<-chan result{a, c} {
			require.True(t, errs.Is(store.Classify((<-w).err), errs.Unavailable), name)
		}
		b.close()
		require.Len(t, p.entered, 1, "%s: one attempt, for both", name)
		require.Equal(t, []int{0}, p.rows(), name)
	}
}

func TestACallerThatHangsUpDoesNotHurtTheOthers(t *testing.T) {
	t.Parallel()
	p := newPen()
	b, first := busy(t, p, 10, 10)
	ctx, hangUp := context.WithCancel(t.Context())
	before, gone, after := ask(t, b, t.Context(), 1), ask(t, b, ctx, 2), ask(t, b, t.Context(), 3)
	hangUp()
	require.ErrorIs(t, (<-gone).err, context.Canceled, "it doesn't wait for the write")
	p.open(1)
	require.NoError(t, (<-first).err)
	require.Equal(t, 2, <-p.entered, "who left before the write is not in it")
	p.open(1)
	require.Equal(t, result{2, nil}, <-before)
	require.Equal(t, result{6, nil}, <-after)
	require.Equal(t, []int{0, 1, 3}, p.rows())

	// Whoever leaves during the write is written, and hurts nobody either.
	ctx, hangUp = context.WithCancel(t.Context())
	blocked := make(chan result, 1)
	go func() { _, err := b.do(t.Context(), uuid.New(), 4); blocked <- result{err: err} }()
	<-p.entered
	left, stays := ask(t, b, ctx, 5), ask(t, b, t.Context(), 6)
	p.open(1)
	<-blocked
	require.Equal(t, 2, <-p.entered)
	hangUp()
	require.ErrorIs(t, (<-left).err, context.Canceled)
	p.open(1)
	require.Equal(t, result{12, nil}, <-stays)
	require.Equal(t, []int{0, 1, 3, 4, 5, 6}, p.rows())

	// When all have left, there is nothing to write.
	ctx, hangUp = context.WithCancel(t.Context())
	go func() { _, err := b.do(t.Context(), uuid.New(), 7); blocked <- result{err: err} }()
	<-p.entered
	one, two := ask(t, b, ctx, 8), ask(t, b, ctx, 9)
	hangUp()
	<-one
	<-two
	p.open(1)
	<-blocked
	b.close()
	require.Empty(t, p.entered)
}

func TestAFullQueueIsUnavailableAtOnce(t *testing.T) {
	t.Parallel()
	p := newPen()
	b, first := busy(t, p, 10, 3)
	var waiting []<-chan result
	for n := range 3 {
		waiting = append(waiting, ask(t, b, t.Context(), n))
	}
	for range 100 { // the gate is shut: only what doesn't wait returns
		_, err := b.do(t.Context(), uuid.New(), 99)
		require.True(t, errs.Is(err, errs.Unavailable), "%v", err)
		require.ErrorContains(t, err, "MAX_IN_FLIGHT")
	}
	p.open(2)
	<-first
	for _, w := range waiting {
		require.NoError(t, (<-w).err)
	}
	p.open(1)
	_, err := b.do(t.Context(), uuid.New(), 7)
	require.NoError(t, err, "there is room again")
	b.close()
	require.NotContains(t, p.rows(), 99)
}

func TestCloseWritesWhatWaits(t *testing.T) {
	t.Parallel()
	p := newPen()
	b, first := busy(t, p, 2, 10)
	var waiting []<-chan result
	for n := range 5 {
		waiting = append(waiting, ask(t, b, t.Context(), n+1))
	}
	closed := make(chan struct{})
	go func() { b.close(); close(closed) }()
	p.open(4)
	<-closed
	require.NoError(t, (<-first).err)
	for n, w := range waiting {
		require.Equal(t, result{2 * (n + 1), nil}, <-w)
	}
	require.Equal(t, []int{0, 1, 2, 3, 4, 5}, p.rows())

	ctx, giveUp := context.WithCancel(t.Context())
	late := ask(t, b, ctx, 6)
	giveUp()
	require.ErrorIs(t, (<-late).err, context.Canceled, "too late is no crash")
	require.NotContains(t, p.rows(), 6)
}
