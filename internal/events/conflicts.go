package events

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

const (
	refusedEvery = 3 * time.Second
	// refusedSince is how long ago a refusal may have been that is looked at: they are
	// written beside the requests, and by each replica when it comes to it.
	refusedSince = time.Hour
	twinsEvery   = 15 * time.Second
	// together is how soon after another a start of the same instance is no restart
	// elsewhere: the former can hardly have come to an end.
	together = 30 * time.Second
	// longestLook bounds what is read at once: it reads every startup that was opened, and
	// where very many are it looks more rarely rather than take their processor time.
	longestLook = 2 * time.Minute
	// settling is how much later than its id a startup may come to be seen.
	settling      = 2 * time.Second
	conflictsOnce = 500
	// refusedPages bounds a turn: refusals are no more than that (DeleteRefusalsBeyond).
	refusedPages = 20
)

// refusedCredential is the data of an identity.conflict: somebody shows a credential that was
// revoked, or has expired.
type refusedCredential struct {
	Conflict     string    `json:"conflict"` // credential
	PrincipalKey string    `json:"principal_key"`
	ComponentKey string    `json:"component_key"` // that it asked for; empty is unknown
	RemoteAddr   string    `json:"remote_addr"`
	Operation    string    `json:"operation"`
	Detail       string    `json:"detail"` // which credential, and why it is no good
	Count        int64     `json:"count"`
	FirstAt      time.Time `json:"first_at"`
	LastAt       time.Time `json:"last_at"`
	DetectedAt   time.Time `json:"detected_at"`
}

// refusals records known credentials that were shown though they are good no more: once
// a day for each and each address.
func (r *Recorder) refusals(ctx context.Context, now time.Time) error {
	if !r.refused.over(now) {
		return nil
	}
	began := time.Now()
	p := store.ListKnownRefusedParams{Since: later(r.since, now.Add(-refusedSince)), RowLimit: conflictsOnce}
	for range refusedPages { // what was told is among them, and may not hide the others
		more, err := r.refusedPage(ctx, &p, now)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	r.refused.begin(now, refusedEvery, time.Since(began))
	return nil
}

// refusedPage records a page, behind which p is then.
func (r *Recorder) refusedPage(ctx context.Context, p *store.ListKnownRefusedParams, now time.Time) (more bool, err error) {
	at, err := r.place(ctx)
	if err != nil {
		return false, err
	}
	rows, err := r.Store.ListKnownRefused(ctx, *p)
	if err != nil {
		return false, err
	}
	var drafts []draft
	for _, row := range rows {
		drafts = append(drafts, draft{
			typ: model.EventTypeIdentityConflict, tenant: row.TenantKey, subject: "principals/" + row.PrincipalKey, principal: &row.PrincipalKey, occurredAt: row.LastAt,
			about: fmt.Sprintf("credential %s %s %s %s %s", row.TenantKey, row.PrincipalKey, row.Detail, row.RemoteAddr, row.LastAt.Format(time.DateOnly)),
			data: refusedCredential{
				"credential", row.PrincipalKey, row.ComponentKey, row.RemoteAddr, row.Operation, row.Detail, row.N, row.FirstAt, row.LastAt, now,
			},
		})
		p.Since, p.AfterID = row.LastAt, row.ID
	}
	return len(rows) == conflictsOnce, r.once(ctx, at, drafts, now)
}

// twin is one of the startups of an instance that was started in two places.
type twin struct {
	StartupID  uuid.UUID `json:"startup_id"`
	RemoteAddr string    `json:"remote_addr"`
	Host       *string   `json:"host"`
	OpenedAt   time.Time `json:"opened_at"`
	Status     string    `json:"status"`
}

// twins is the data of an identity.conflict: one instance in two places.
type twins struct {
	Conflict     string    `json:"conflict"` // instance
	PrincipalKey string    `json:"principal_key"`
	ComponentKey string    `json:"component_key"`
	InstanceID   string    `json:"instance_id"`
	Startups     [2]twin   `json:"startups"`
	DetectedAt   time.Time `json:"detected_at"`
}

// addresses records instances that were started from two addresses so soon after each other
// that both must be there: once a day for each. An instance that is READY
// may have ended since, which nobody tells MetaGate; so a start elsewhere long after is a restart.
func (r *Recorder) addresses(ctx context.Context, now time.Time) error {
	if !r.twins.over(now) {
		return nil
	}
	began, until := time.Now(), now.Add(-settling)
	from := until.Add(-together - twinsEvery)
	if !r.twins.until.IsZero() { // a look that was a little late leaves nothing out
		from = later(from.Add(r.twins.until.Sub(now)), until.Add(-longestLook))
	}
	at, err := r.place(ctx)
	if err != nil {
		return err
	}
	rows, err := r.Store.ListTwins(ctx, store.ListTwinsParams{FromID: store.FirstID(from), UntilID: store.FirstID(until), RowLimit: conflictsOnce})
	if err != nil {
		return err
	}
	var drafts []draft
	for _, row := range rows {
		starts, err := r.Store.ListStartups(ctx, store.ListStartupsParams{
			TenantKey: &row.TenantKey, PrincipalKey: &row.PrincipalKey, ComponentKey: &row.ComponentKey, InstanceID: &row.InstanceID,
			FromID: store.FirstID(from), BeforeID: store.FirstID(until), RowLimit: conflictsOnce,
		})
		if err != nil {
			return err
		}
		if pair, ok := apart(starts); ok {
			drafts = append(drafts, draft{
				typ: model.EventTypeIdentityConflict, tenant: row.TenantKey, subject: "principals/" + row.PrincipalKey, principal: &row.PrincipalKey,
				about:      fmt.Sprintf("instance %s %s %s %s", row.PrincipalID, row.ComponentKey, row.InstanceID, pair[1].OpenedAt.Format(time.DateOnly)),
				startup:    &pair[1].StartupID,
				occurredAt: pair[1].OpenedAt,
				data:       twins{"instance", row.PrincipalKey, row.ComponentKey, row.InstanceID, pair, now},
			})
		}
	}
	err = r.once(ctx, at, drafts, now)
	r.twins.begin(now, twinsEvery, time.Since(began))
	return err
}

// apart finds, newest first, two starts from different addresses of which the earlier one
// was still there when the later one began, as far as anybody can tell.
func apart(starts []store.StartupSession) (pair [2]twin, found bool) {
	for n, late := range starts {
		for _, early := range starts[n+1:] {
			ended := (early.FailedAt != nil && early.FailedAt.Before(late.OpenedAt)) || early.DeadlineAt.Before(late.OpenedAt)
			if early.RemoteAddr == nil || late.RemoteAddr == nil || *early.RemoteAddr == *late.RemoteAddr || ended ||
				late.OpenedAt.Sub(early.OpenedAt) > together {
				continue
			}
			return [2]twin{twinOf(early), twinOf(late)}, true
		}
	}
	return pair, false
}

func twinOf(s store.StartupSession) twin {
	return twin{StartupID: s.ID, RemoteAddr: *s.RemoteAddr, Host: s.Host, OpenedAt: s.OpenedAt, Status: s.Status}
}

// once writes the drafts of which there is no event yet.
func (r *Recorder) once(ctx context.Context, at place, drafts []draft, now time.Time) error {
	var fresh []draft
	seen := map[string]bool{}
	for _, d := range drafts {
		if seen[d.about] {
			continue
		}
		n, err := r.Store.HasEvent(ctx, store.HasEventParams{Type: string(d.typ), About: d.about})
		if err != nil {
			return err
		}
		if seen[d.about] = true; n == 0 {
			fresh = append(fresh, d)
		}
	}
	return r.write(ctx, at, at.change, fresh, now, nil)
}
