package board

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/legivellum/metagate/gen/model"
)

const (
	revisionsAtOnce = 20
	// touchTimeout bounds how long a page finds out whom its revisions touched: to fold
	// the history of a large world takes a while.
	touchTimeout = 3 * time.Second
	heldTouches  = 2000
)

// changesView is who has changed the world, and what came of it; or one revision.
type changesView struct {
	Revisions []revision
	After     string // link
	One       *oneRevision
}

type revision struct {
	model.Revision
	What    []string
	Link    string
	Touched int // packets; -1 is not known
	Ready   int // of those
}

// oneRevision is what one did.
type oneRevision struct {
	Number  int64
	Plan    model.Plan
	Entries []model.AuditEntry
}

// changes answers GET /board/changes.
func (b *Board) changes(_ http.ResponseWriter, r *http.Request, as api) (*view, error) {
	q := r.URL.Query()
	tenant := q.Get("tenant")
	if n, err := strconv.ParseInt(q.Get("revision"), 10, 64); err == nil && n > 0 {
		return oneChange(r.Context(), as, tenant, n)
	}
	limit := model.Limit(revisionsAtOnce)
	listed, err := got(as.ListRevisionsWithResponse(r.Context(), &model.ListRevisionsParams{
		Limit: &limit, TenantKey: orNil[model.Key](tenant), Cursor: orNil[model.Cursor](q.Get("cursor")),
	}))
	if err != nil {
		return nil, err
	}
	rows, _, err := b.rosters.of(as.credential, tenant).get(r.Context(), as, tenant)
	if err != nil {
		return nil, err
	}
	var v changesView
	if cursor := nextCursor(listed.HTTPResponse.Header); cursor != nil {
		v.After = "?" + url.Values{"tenant": {tenant}, "cursor": {*cursor}}.Encode()
	}
	short, cancel := context.WithTimeout(r.Context(), touchTimeout)
	defer cancel()
	for _, one := range *listed.JSON200 {
		out := revision{Revision: one, Touched: -1, Link: "?" + url.Values{"tenant": {tenant}, "revision": {strconv.FormatInt(one.Revision, 10)}}.Encode()}
		for _, c := range one.Changes {
			out.What = append(out.What, changed(c))
		}
		if t, err := b.touched.of(short, as, tenant, one.Revision); err == nil {
			out.Touched, out.Ready = len(t.packets), t.ready(rows, one.CreatedAt)
		} else if _, ok := errors.AsType[refused](err); !ok && short.Err() == nil {
			return nil, err
		}
		v.Revisions = append(v.Revisions, out)
	}
	return &view{Page: "changes", Title: "Changes", Live: q.Get("cursor") == "", Data: v}, nil
}

func changed(c model.RevisionChange) string {
	verb := map[model.RevisionChangeAction]string{"create": "created", "update": "changed", "delete": "deleted"}[c.Action]
	if c.Count > 1 {
		return fmt.Sprintf("%d × %s %s", c.Count, c.ResourceType, verb)
	}
	return fmt.Sprintf("%s %s %s", c.ResourceType, c.ResourceKey, verb)
}

func oneChange(ctx context.Context, as api, tenant string, n int64) (*view, error) {
	plan, err := got(as.DiffRevisionsWithResponse(ctx, &model.DiffRevisionsParams{From: n - 1, To: &n, TenantKey: orNil[model.Key](tenant)}))
	if err != nil {
		return nil, err
	}
	limit := model.Limit(revisionsAtOnce)
	of := plan.JSON200.TenantKey
	entries, err := got(as.ListAuditLogWithResponse(ctx, &model.ListAuditLogParams{Revision: &n, TenantKey: &of, Limit: &limit}))
	if err != nil {
		return nil, err
	}
	return &view{Page: "changes", Title: "Revision " + strconv.FormatInt(n, 10), Data: changesView{
		One: &oneRevision{Number: n, Plan: *plan.JSON200, Entries: *entries.JSON200},
	}}, nil
}

// touched remembers whose packets a revision has changed, which stays as it is. It
// answers who has been answered it by the API.
type touched struct {
	mu  sync.Mutex
	all map[touchKey]touch
}

type touchKey struct {
	who      [sha256.Size]byte // credential and tenant
	revision int64
}

type touch struct {
	tenant  string
	packets []model.PacketChange
}

func (t *touched) of(ctx context.Context, as api, tenant string, n int64) (touch, error) {
	key := touchKey{sha256.Sum256([]byte(as.credential + "\n" + tenant)), n}
	t.mu.Lock()
	known, ok := t.all[key]
	t.mu.Unlock()
	if ok {
		return known, nil
	}
	plan, err := got(as.DiffRevisionsWithResponse(ctx, &model.DiffRevisionsParams{From: n - 1, To: &n, TenantKey: orNil[model.Key](tenant)}))
	if err != nil {
		return touch{}, err
	}
	known = touch{plan.JSON200.TenantKey, plan.JSON200.Packets}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil || len(t.all) >= heldTouches {
		t.all = map[touchKey]touch{}
	}
	t.all[key] = known
	return known, nil
}

// ready is how many of the components whose packets changed have started since, and are READY.
func (t touch) ready(rows []row, since time.Time) (n int) {
	type component struct{ principal, key string }
	up := map[component]bool{}
	for i := range rows {
		r := &rows[i]
		began := r.Since.Add(-time.Duration(r.TimeToReady * float64(time.Second)))
		if r.Tenant == t.tenant && r.isReady && !began.Before(since) {
			up[component{r.Principal, r.Component}] = true
		}
	}
	for _, p := range t.packets {
		if up[component{p.PrincipalKey, p.ComponentKey}] {
			n++
		}
	}
	return n
}
