package stream

import (
	"context"
	"time"

	"github.com/legivellum/metagate/internal/store"
)

const (
	// page is how many startups are read at once: what they report may be long. While the
	// processors are busy fewer are read in a second than that: who has just come waits less.
	page, busyPage = 200, 20
	// readTime is how long writers are waited for, and revisions.
	readTime = 5 * time.Second
)

// readStartups tells what has changed, and whose deadline has passed, since the last time.
func (h *Hub) readStartups(ctx context.Context) error {
	now := h.Now() // before anything is read: a startup that is seen later is seen with a later clock
	upTo, err := h.Store.SettledWithin(ctx, readTime)
	if err != nil {
		return err
	}
	events, err := h.Store.EventBounds(ctx)
	if err != nil {
		return err
	}
	h.mu.Lock()
	live, from := h.live, h.end
	if !live {
		h.live, h.end.Change, h.end.Time, h.end.Event = true, upTo, now.UnixMicro(), events.Newest
		h.ring = ring{first: h.ring.next(), start: h.end}
		h.tell()
	}
	h.mu.Unlock()
	h.current.CompareAndSwap(0, now.UnixMicro())
	if live {
		if err := h.readChanges(ctx, from.Change, upTo); err != nil {
			return err
		}
		if err := h.readPast(ctx, time.UnixMicro(from.Time).UTC(), now); err != nil {
			return err
		}
		if err := h.readEvents(ctx, from.Event, events.Newest); err != nil {
			return err
		}
	}
	h.current.Store(now.UnixMicro())
	return nil
}

func (h *Hub) readChanges(ctx context.Context, from, upTo int64) error {
	after, to := store.MaxID, from
	for to < upTo {
		size := page
		if h.pace.busy {
			size = busyPage
		}
		rows, err := h.Store.ListChanges(ctx, store.ListChangesParams{FromChange: from, AfterID: after, UpTo: upTo, RowLimit: int64(size)})
		if err != nil {
			return err
		}
		frames, last := changed(rows)
		if to = upTo; len(rows) == size { // there may be more of the last one's change
			to, from, after = last.Changed-1, last.Changed, last.ID
		}
		h.add(frames, func(end *Position) { end.Change = max(end.Change, to) })
		if err := h.pace.read(ctx, len(rows)); err != nil {
			return err
		}
	}
	return nil
}

func changed(rows []store.StartupSession) (frames []*frame, last store.StartupSession) {
	for _, row := range rows {
		f := startupFrame(row)
		f.change, last = row.Changed, row
		frames = append(frames, f)
	}
	return frames, last
}

// readPast tells of the startups whose deadline was in a span of time.
func (h *Hub) readPast(ctx context.Context, since, until time.Time) error {
	for after := store.MinID; since.Before(until); { // since's own are read, too
		rows, err := h.Store.ListPastDeadline(ctx, store.ListPastDeadlineParams{Since: since, Until: until, AfterID: after, RowLimit: page})
		if err != nil {
			return err
		}
		frames, last := past(rows)
		to := until
		if since, after = until, store.MinID; len(rows) == page { // there may be more of the last one's deadline
			to, since, after = last.DeadlineAt, last.DeadlineAt, last.ID
		}
		h.add(frames, func(end *Position) { end.Time = max(end.Time, to.UnixMicro()) })
	}
	return nil
}

func past(rows []store.StartupSession) (frames []*frame, last store.StartupSession) {
	for _, row := range rows {
		f := startupFrame(row)
		f.time, last = row.DeadlineAt.UnixMicro(), row
		frames = append(frames, f)
	}
	return frames, last
}

func (h *Hub) readEvents(ctx context.Context, from, upTo int64) error {
	for from < upTo {
		rows, err := h.Store.ListEvents(ctx, store.ListEventsParams{After: from, RowLimit: page})
		if err != nil || len(rows) == 0 {
			return err
		}
		from = rows[len(rows)-1].Seq
		h.add(happened(rows), func(end *Position) { end.Event = max(end.Event, from) })
	}
	return nil
}

func happened(rows []store.Event) (frames []*frame) {
	for _, row := range rows {
		frames = append(frames, eventFrame(row))
	}
	return frames
}

// add tells all who listen, and that the hub is farther now.
func (h *Hub) add(frames []*frame, moveOn func(end *Position)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	moveOn(&h.end)
	if len(frames) > 0 && h.live {
		h.ring.add(frames)
		h.tell()
	}
}

// tell wakes all who listen.
func (h *Hub) tell() {
	close(h.more)
	h.more = make(chan struct{})
}

func (h *Hub) forgetStartups() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams.n == 0 {
		h.live, h.ring = false, ring{first: h.ring.next()}
		h.current.Store(0)
	}
}

// readWorlds tells which tenants have a new revision.
func (h *Hub) readWorlds(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	rows, err := h.Store.ListTenantRevisions(ctx)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	first := isOpen(h.known)
	var frames []*frame
	moved, world, worlds := false, int64(0), uint32(0)
	for _, r := range rows {
		was, at := h.tenants[r.TenantKey], tenantAt{r.Revision, r.Epoch}
		world, worlds = max(world, r.Revision), worlds+fingerprint(r.TenantKey, r.Revision)
		if was == at {
			continue
		}
		moved, h.tenants[r.TenantKey] = true, at
		if was.revision != at.revision && !first {
			frames = append(frames, worldFrame(r.TenantKey, r.Revision))
		}
	}
	h.end.World, h.end.Worlds = world, worlds
	if len(frames) > 0 && h.live {
		h.ring.add(frames)
		h.tell()
	}
	if moved {
		close(h.moved)
		h.moved = make(chan struct{})
	}
	if first {
		close(h.known)
	}
	return nil
}

func (h *Hub) forgetWorlds() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.worlds.n == 0 && !isOpen(h.known) {
		h.known, h.tenants = make(chan struct{}), map[string]tenantAt{}
	}
}

func isOpen(c <-chan struct{}) bool {
	select {
	case <-c:
		return false
	default:
		return true
	}
}
