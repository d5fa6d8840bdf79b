package events

import (
	"context"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

const (
	// overdueName is the row in sinks of the deadlines: since and position are Unix microseconds.
	overdueName = "events.overdue"
	// changesOnce is how many startups are read at once.
	changesOnce = 200
	// lookBack is how far behind the last deadline a look begins.
	lookBack = 20 * time.Second
	// sweepEvery is how often, at most, all alarms are looked at again.
	sweepEvery = 10 * time.Second
	// clockSlack is how far clocks may be apart where an event's own removal is near.
	clockSlack = time.Hour
)

// Two readers find what of startups is an event, and leave no startup out.
//
// changes reads those that report, or are ended by a later start or an admin. It goes by
// the number of their last change up to store.Settled, as of which no writer with a lower
// number may still commit, and what it has come to is written in one transaction with the
// events. A closed startup doesn't change again. One that is still OPEN may, so it is read
// once more, and what is recorded of it is read with it. The index it reads has no startup that is merely opened, or READY in time.
//
// deadlines reads those that are OPEN past their deadline, in the order of their deadlines,
// and not by changes at all: what has to be found is a startup to which nothing happens.
// It can't go by a deadline that it has passed, for a writer that was held up, or whose clock is behind, may
// commit a startup with a deadline before it. So each look begins a little before the last one ended, and now and then
// at the beginning: all startups that are OPEN and not ended are in that index, few or many, and
// of which there is an event is read with them. What a look doesn't see the next one does;
// what has been superseded or acknowledged before any look saw it, changes sees.
//
// That no event is recorded twice is not theirs: nothing is written unless nobody has
// recorded since they began to read, and there can be one event of a type about a
// startup. An event may be removed while its startup is still there: so none is made of
// what happened so long ago.

// changes records what has become of startups.
func (r *Recorder) changes(ctx context.Context, now time.Time) error {
	limit := int64(changesOnce)
	for {
		at, err := r.place(ctx)
		if err != nil {
			return err
		}
		upTo, ok, err := r.settled(ctx, now)
		if err != nil || !ok {
			return err
		}
		rows, err := r.Store.ListEventful(ctx, store.ListEventfulParams{FromChange: at.change, UpTo: upTo, RowLimit: limit})
		if err != nil {
			return err
		}
		more := int64(len(rows)) == limit
		if more { // there may be more of the last one's change, which isn't to be cut
			last := rows[len(rows)-1].Changed
			if upTo = last - 1; rows[0].Changed == last {
				limit *= 2
				continue
			}
		}
		var drafts []draft
		for _, row := range rows {
			if row.Changed <= upTo {
				drafts = append(drafts, r.eventsOf(row, now)...)
			}
		}
		if len(drafts) == 0 && !more && now.Sub(r.passed) < passEvery {
			return nil // no write where nobody would see it
		}
		if err := r.write(ctx, at, upTo, drafts, now, nil); err != nil {
			return err
		}
		if r.passed = now; !more {
			return nil
		}
	}
}

// passEvery is how often a place is written that no event has moved.
const passEvery = 3 * time.Second

// eventsOf are the events of a startup that aren't recorded yet, in their order.
func (r *Recorder) eventsOf(row store.ListEventfulRow, now time.Time) (out []draft) {
	if row.Source == string(model.StartupSourceBench) {
		return nil
	}
	s := startupOf(row)
	missed := row.SupersededAt != nil || row.AcknowledgedAt != nil ||
		(row.Status == string(model.StartupStatusOPEN) && !row.DeadlineAt.After(now.Add(-grace)))
	if missed && row.OverdueTold == 0 && row.DeadlineAt.After(r.since) && r.recent(row.DeadlineAt, now) {
		out = append(out, s.draft(model.EventTypeStartupOverdue, row.DeadlineAt, now))
	}
	if at := row.SupersededAt; at != nil && row.SupersededTold == 0 && r.recent(*at, now) {
		out = append(out, s.draft(model.EventTypeStartupSuperseded, *at, now))
	}
	if at := row.ReadyAt; at != nil && at.After(row.DeadlineAt) && row.LateTold == 0 && r.recent(*at, now) {
		out = append(out, s.draft(model.EventTypeStartupLate, *at, now))
	}
	if at := row.FailedAt; at != nil && row.FailedTold == 0 && r.recent(*at, now) {
		out = append(out, s.draft(model.EventTypeStartupFailed, *at, now))
	}
	return out
}

// recent reports whether an event of a time would still be there, had it been recorded.
func (r *Recorder) recent(at, now time.Time) bool { return at.After(r.horizon(now)) }

func (r *Recorder) horizon(now time.Time) time.Time {
	if r.Keep == 0 {
		return time.Time{}
	}
	return now.Add(clockSlack - r.Keep)
}

// sweep is how far the deadlines have been looked at.
type sweep struct {
	upTo time.Time // of the last look
	full time.Time // of the next look at all
	kept time.Time // of the last write of upTo
}

// deadlines records the startups that are overdue.
func (r *Recorder) deadlines(ctx context.Context, now time.Time) error {
	if r.overdue.upTo.IsZero() { // what falls due now comes first, and all before it in the next turn
		s, err := r.Store.GetSink(ctx, overdueName)
		if err != nil {
			return err
		}
		r.overdue = sweep{upTo: time.UnixMicro(s.Position), full: now.Add(poll)}
	}
	upTo, began := now.Add(-grace), time.Now()
	after := later(r.since, r.horizon(now))
	full := !now.Before(r.overdue.full)
	if !full {
		after = later(after, r.overdue.upTo.Add(-lookBack))
	}
	for {
		at, err := r.place(ctx)
		if err != nil {
			return err
		}
		rows, err := r.Store.ListOverdue(ctx, store.ListOverdueParams{After: after, UpTo: upTo, RowLimit: batch})
		if err != nil {
			return err
		}
		drafts := make([]draft, 0, len(rows))
		for _, row := range rows {
			drafts = append(drafts, startupOf(store.ListEventfulRow{
				ID: row.ID, TenantKey: row.TenantKey, PrincipalID: row.PrincipalID, PrincipalKey: row.PrincipalKey, ComponentKey: row.ComponentKey,
				InstanceID: row.InstanceID, Host: row.Host, Labels: row.Labels, ProfileKey: row.ProfileKey, ManifestKey: row.ManifestKey,
				ManifestVersion: row.ManifestVersion, DeploymentKey: row.DeploymentKey, Status: row.Status, Source: row.Source,
				OpenedAt: row.OpenedAt, DeadlineAt: row.DeadlineAt, RemoteAddr: row.RemoteAddr, ClaimedOpenedAt: row.ClaimedOpenedAt, Owner: row.Owner,
			}).draft(model.EventTypeStartupOverdue, row.DeadlineAt, now))
		}
		if len(rows) == 0 {
			break
		}
		if err := r.write(ctx, at, at.change, drafts, now, nil); err != nil {
			return err
		}
		if len(rows) < batch {
			break
		}
		after = rows[len(rows)-1].DeadlineAt.Add(-time.Microsecond) // others may have the same
	}
	r.overdue.upTo = upTo
	if full { // a hundredth of the time at most
		r.overdue.full = now.Add(max(sweepEvery, 100*time.Since(began)))
	}
	if now.Sub(r.overdue.kept) < sweepEvery {
		return nil
	}
	r.overdue.kept = now
	return r.Store.MoveReader(ctx, store.MoveReaderParams{Name: overdueName, Position: upTo.UnixMicro()})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
