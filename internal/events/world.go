package events

import (
	"context"
	"fmt"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

const (
	// tenantsOnce is how many tenants are read at once, revisionsOnce how many revisions of one.
	tenantsOnce, revisionsOnce = 500, 200
	worldEvery                 = 500 * time.Millisecond
)

// pause is when something is to be done again: after a while, and for a fiftieth
// of the time at most.
type pause struct{ until time.Time }

func (p *pause) over(now time.Time) bool { return !now.Before(p.until) }

func (p *pause) begin(now time.Time, least, took time.Duration) {
	p.until = now.Add(max(least, 50*took))
}

// revision is the data of world.changed.
type revision struct {
	Revision   int64                  `json:"revision"`
	Actor      string                 `json:"actor"`
	AuthMethod string                 `json:"auth_method"`
	Credential store.JSON             `json:"credential"`
	Reason     *string                `json:"reason"`
	RequestID  string                 `json:"request_id"`
	Changes    []model.RevisionChange `json:"changes"`
	DetectedAt time.Time              `json:"detected_at"`
}

// worlds records the revisions that tenants have come to. A tenant's revisions are committed
// one after another, so what is there up to one is all there will be.
func (r *Recorder) worlds(ctx context.Context, now time.Time) error {
	if !r.world.over(now) {
		return nil
	}
	began := time.Now()
	for more := true; more; {
		at, err := r.place(ctx)
		if err != nil {
			return err
		}
		tenants, err := r.Store.ListNewRevisions(ctx, tenantsOnce)
		if err != nil {
			return err
		}
		more = len(tenants) == tenantsOnce
		for _, t := range tenants {
			full, err := r.worldOf(ctx, at, t, now)
			if err != nil {
				return err
			}
			more = more || full
			if at, err = r.place(ctx); err != nil {
				return err
			}
		}
	}
	r.world.begin(now, worldEvery, time.Since(began))
	return nil
}

func (r *Recorder) worldOf(ctx context.Context, at place, t store.ListNewRevisionsRow, now time.Time) (more bool, err error) {
	rows, err := r.Store.ListWorldChanges(ctx, store.ListWorldChangesParams{TenantKey: t.TenantKey, After: &t.Recorded, UpTo: &t.Revision, RowLimit: revisionsOnce})
	if err != nil {
		return false, err
	}
	page, err := r.Store.LastOfRevisions(ctx, store.LastOfRevisionsParams{TenantKey: t.TenantKey, After: &t.Recorded, UpTo: &t.Revision, RowLimit: revisionsOnce})
	if err != nil {
		return false, err
	}
	upTo := t.Revision
	if more = page.Revisions == revisionsOnce; more {
		upTo = page.LastRevision
	}
	var drafts []draft
	for len(rows) > 0 {
		first, data := rows[0], revision{DetectedAt: now}
		for len(rows) > 0 && *rows[0].Revision == *first.Revision {
			data.Changes = append(data.Changes, model.RevisionChange{
				Action: model.RevisionChangeAction(rows[0].Action), ResourceType: model.ResourceType(rows[0].ResourceType),
				Count: rows[0].Changes, ResourceKey: rows[0].ResourceKey,
			})
			rows = rows[1:]
		}
		data.Revision, data.Actor, data.AuthMethod, data.Credential = *first.Revision, first.Actor, first.AuthMethod, first.Credential
		data.Reason, data.RequestID = first.Reason, first.RequestID
		drafts = append(drafts, draft{
			typ: model.EventTypeWorldChanged, about: fmt.Sprintf("%s@%d", t.TenantKey, data.Revision), tenant: t.TenantKey,
			subject: fmt.Sprintf("revisions/%d", data.Revision), occurredAt: first.CreatedAt, data: data,
		})
	}
	return more, r.write(ctx, at, at.change, drafts, now, func(q store.Queries) error {
		return q.PutEventRevision(ctx, store.PutEventRevisionParams{TenantKey: t.TenantKey, Revision: upTo})
	})
}
