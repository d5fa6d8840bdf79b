package witness

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// batcher is a group commit: what arrives while a write is in flight goes
// together in the next one. A caller that is alone never waits for others.
type batcher[T, R any] struct {
	write func(context.Context, []T) ([]R, error) // one commit; a result for each
	queue chan *item[T, R]
	max   int // rows of one commit
	// dear is where a commit takes this process's own processors: a crowd is waited for longer.
	dear  bool
	ended chan struct{}
	ends  sync.WaitGroup

	mu      sync.Mutex
	waiting map[uuid.UUID]int // by principal
}

type item[T, R any] struct {
	ctx    context.Context //nolint:containedctx // to leave out whoever has gone
	who    uuid.UUID
	in     T
	out    R
	err    error
	answer chan struct{}
}

// Callers that were answered together come back one by one, and a commit for the
// first few of them costs as much as one for all: so a write waits until half of
// those who were there at the last one's end are, or enough, but not for long.
const (
	enough   = 32
	patience = 500 * time.Microsecond
)

// Of a crowd, where commits are dear, three quarters are waited for: its callers wait for each
// other anyway, and share what each commit costs.
const (
	crowd         = 64 // that is surpassed
	crowdEnough   = 128
	crowdPatience = 2 * time.Millisecond
)

// waitsFor tells how many rows a write waits for, and for how long, where company were there at
// the last one's end.
func (b *batcher[T, R]) waitsFor(company int) (rows int, atMost time.Duration) {
	if b.dear && company > crowd {
		return min(company*3/4, crowdEnough), crowdPatience
	}
	return min(company/2, enough), patience
}

// newBatcher starts writers goroutines that write until close.
func newBatcher[T, R any](dear bool, writers, maxRows, maxWaiting int, write func(context.Context, []T) ([]R, error)) *batcher[T, R] {
	b := &batcher[T, R]{write: write, queue: make(chan *item[T, R], maxWaiting), max: maxRows, dear: dear, ended: make(chan struct{}), waiting: map[uuid.UUID]int{}}
	for range writers {
		b.ends.Go(b.run)
	}
	return b
}

// do hands in to the next write and waits for its result. The queue is bounded:
// when it is full, or who has more in it than there is room left for all others,
// the answer is UNAVAILABLE at once. Who gives up waiting does not hurt the others
// of its batch.
func (b *batcher[T, R]) do(ctx context.Context, who uuid.UUID, in T) (R, error) {
	it := &item[T, R]{ctx: ctx, who: who, in: in, answer: make(chan struct{})}
	if !b.enqueue(it) {
		var none R
		return none, errs.New(errs.Unavailable, "too many requests in flight (MAX_IN_FLIGHT): try again")
	}
	hungUp, late := patienceOf(ctx)
	select {
	case <-it.answer:
		return it.out, it.err
	case <-hungUp:
	case <-late:
	}
	var none R
	return none, ctx.Err()
}

// Hurried is a context that knows its end without a timer of its own, which every
// caller here would set. Once either channel is closed, Err is not nil.
type Hurried interface {
	HungUp() <-chan struct{}
	Late() <-chan struct{}
}

func patienceOf(ctx context.Context) (hungUp, late <-chan struct{}) {
	if h, ok := ctx.(Hurried); ok {
		return h.HungUp(), h.Late()
	}
	return ctx.Done(), nil
}

func (b *batcher[T, R]) enqueue(it *item[T, R]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := b.waiting[it.who]; n > 0 && n >= cap(b.queue)-len(b.queue) {
		return false
	}
	select {
	case b.queue <- it:
		b.waiting[it.who]++
		return true
	default:
		return false
	}
}

// dequeued counts down what was taken from the queue.
func (b *batcher[T, R]) dequeued(taken []uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, who := range taken {
		if b.waiting[who]--; b.waiting[who] <= 0 {
			delete(b.waiting, who)
		}
	}
}

// close writes what waits and ends the writers. What is handed in afterwards
// waits in vain, until its caller gives up: a shutdown may leave some behind.
func (b *batcher[T, R]) close() {
	close(b.ended)
	b.ends.Wait()
}

func (b *batcher[T, R]) run() {
	company := 0
	for {
		select {
		case first := <-b.queue:
			want, atMost := b.waitsFor(company)
			batch := b.gather(first, want, atMost)
			b.flush(batch)
			company = len(batch) + len(b.queue)
		case <-b.ended:
			select {
			case first := <-b.queue:
				b.flush(b.gather(first, 0, 0))
			default:
				return
			}
		}
	}
}

// gather takes what is waiting now, but those who have given up; for less than
// want it waits.
func (b *batcher[T, R]) gather(first *item[T, R], want int, atMost time.Duration) []*item[T, R] {
	size := min(b.max, max(want, len(b.queue)+1))
	batch, taken := make([]*item[T, R], 0, size), make([]uuid.UUID, 0, size)
	defer func() { b.dequeued(taken) }()
	var end <-chan time.Time
	for it := first; ; {
		taken = append(taken, it.who)
		if it.ctx.Err() == nil {
			batch = append(batch, it)
		}
		if len(batch) == b.max {
			return batch
		}
		select {
		case it = <-b.queue:
			continue
		default:
		}
		if len(batch) >= want {
			return batch
		}
		if end == nil {
			end = time.After(atMost)
		}
		select {
		case it = <-b.queue:
		case <-end:
			return batch
		}
	}
}

func (b *batcher[T, R]) flush(batch []*item[T, R]) {
	if len(batch) == 0 {
		return
	}
	ins := make([]T, len(batch))
	for i, it := range batch {
		ins[i] = it.in
	}
	// Not the callers' contexts: one that hangs up must not take the others along.
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	outs, err := b.write(ctx, ins)
	cancel()
	if err != nil && len(batch) > 1 && !errs.Is(store.Classify(err), errs.Unavailable) {
		for _, it := range batch { // a bad row fails alone
			b.flush([]*item[T, R]{it})
		}
		return
	}
	for i, it := range batch {
		if err == nil {
			it.out = outs[i]
		}
		it.err = err
		close(it.answer)
	}
}
