package feed

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

const (
	// atOnce is how many receipts are on their way at a time.
	atOnce = 8
	// patience is how often a receipt is tried that the ledger refuses for a reason
	// that isn't known to be final: then it stands in the way of others no longer.
	patience = 8
	// longestError is how many bytes of a ledger's words are kept.
	longestError = 2048
)

var errLeaseLost = errors.New("another replica does this now")

// deliver hands over what rows want, and puts down that all up to a change is done.
func (m *Mirror) deliver(ctx context.Context, rows []store.StartupSession, upTo int64) error {
	group, all := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, s := range rows {
		if s.Source == string(model.StartupSourceBench) || s.MirrorError != nil {
			continue
		}
		group.Go(func() error {
			err := m.startup(all, s)
			no, ok := errors.AsType[*refusal](err)
			if !ok {
				return err
			}
			m.log.WarnContext(ctx, "the ledger refuses a startup's receipt, which is not tried again", "startup_id", s.ID, "error", no)
			err = m.store.RefuseStartup(all, store.RefuseStartupParams{ID: s.ID, MirrorError: new(clip(no.Error()))})
			if err == nil {
				m.refused.Add(1)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	delivered, refused := m.delivered.Load(), m.refused.Load()
	p := store.AdvanceSinkParams{Name: LedgerName, Owner: m.lease.Owner(), Position: upTo, Delivered: delivered - m.saved.delivered, Refused: refused - m.saved.refused}
	if p.Delivered > 0 {
		p.DeliveredAt = new(m.now())
	}
	switch n, err := m.store.AdvanceSink(ctx, p); {
	case err != nil:
		return err
	case n == 0:
		return errLeaseLost
	}
	m.saved.delivered, m.saved.refused = delivered, refused
	m.position.Store(upTo)
	return nil
}

// startup hands over a startup's receipts, the first before the second. A *refusal
// is final.
func (m *Mirror) startup(ctx context.Context, s store.StartupSession) error {
	phases := []func(store.StartupSession, string) (receipt, error){acceptance}
	if s.ReadyAt != nil || s.FailedAt != nil {
		phases = append(phases, completion)
	}
	for _, of := range phases {
		r, err := of(s, m.source)
		if err != nil {
			return err
		}
		if m.sent.has(r.ReceiptID) {
			continue
		}
		if err := m.submit(ctx, r); err != nil {
			return err
		}
		m.sent.add(r.ReceiptID)
		m.delivered.Add(1)
	}
	return nil
}

func (m *Mirror) submit(ctx context.Context, r receipt) error {
	if !m.pace.wait(ctx) {
		return ctx.Err()
	}
	err := m.ledger.submit(ctx, r.ReceiptID, r)
	if no, ok := errors.AsType[*refusal](err); ok && !final[no.Code] && m.sent.failed(r.ReceiptID) < patience {
		return errors.New(no.Error()) // it may be the ledger and not the receipt
	}
	return err
}

// memory is what has been handed over lately: a startup is read again whenever it
// changes, and its first receipt need not go out again. To forget costs a replay.
type memory struct {
	mu        sync.Mutex
	now, past map[uuid.UUID]bool
	failures  map[uuid.UUID]int
}

const remembered = 50_000 // receipts, twice

func (m *memory) has(id uuid.UUID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now[id] || m.past[id]
}

func (m *memory) add(id uuid.UUID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.failures, id)
	if m.now == nil || len(m.now) >= remembered {
		m.now, m.past = make(map[uuid.UUID]bool), m.now
	}
	m.now[id] = true
}

// failed tells how often a receipt has failed, this time included.
func (m *memory) failed(id uuid.UUID) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failures == nil {
		m.failures = make(map[uuid.UUID]int)
	}
	m.failures[id]++
	return m.failures[id]
}

// clip makes a ledger's words such that a database takes them: PostgreSQL refuses bad
// UTF-8 and U+0000, and the receipt would stand in the way for ever.
func clip(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	if len(text) > longestError {
		text = strings.ToValidUTF8(text[:longestError], "") + "…"
	}
	return text
}
