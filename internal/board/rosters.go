package board

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/legivellum/metagate/gen/model"
)

const (
	pageOfAPI = 1000
	// mostRows is where reading ends: the rest is found by filters of the API.
	mostRows = 20_000
	// readShare is what part of the time, at most, goes into reading one roster.
	readShare = 3
	// held is how many rosters are kept: one for each who looks.
	held = 64
)

// rosters are read once for all pages that one credential has open: never more often
// than the reading allows, and never older than the question.
type rosters struct {
	mu  sync.Mutex
	all map[[sha256.Size]byte]*roster
}

type roster struct {
	mu    sync.Mutex // one reads, the others wait
	begun time.Time  // before what rows show
	due   time.Time
	rows  []row
	more  bool
}

func (r *rosters) of(credential, tenant string) *roster {
	key := sha256.Sum256([]byte(credential + "\n" + tenant))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil || len(r.all) >= held {
		r.all = map[[sha256.Size]byte]*roster{}
	}
	if r.all[key] == nil {
		r.all[key] = &roster{}
	}
	return r.all[key]
}

// get is the roster, as it is now or will be in a moment. It is not to be changed.
// Each who asks shows the credential to the API, even where another has read the rest.
func (r *roster) get(ctx context.Context, as api, tenant string) (rows []row, more bool, err error) {
	asked := time.Now()
	one := model.Limit(1)
	if _, err := got(as.ListRosterWithResponse(ctx, &model.ListRosterParams{Limit: &one, TenantKey: orNil[model.TenantKey](tenant)})); err != nil {
		return nil, false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun.After(asked) {
		return r.rows, r.more, nil
	}
	select {
	case <-time.After(time.Until(r.due)):
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	begun := time.Now()
	rows, more, err = read(ctx, as, tenant)
	if err == nil {
		r.rows, r.more, r.begun = rows, more, begun
	}
	r.due = time.Now().Add((readShare - 1) * time.Since(begun))
	return rows, more, err
}

func read(ctx context.Context, as api, tenant string) (rows []row, more bool, err error) {
	limit := model.Limit(pageOfAPI)
	p := model.ListRosterParams{Limit: &limit, TenantKey: orNil[model.TenantKey](tenant)}
	for {
		page, err := got(as.ListRosterWithResponse(ctx, &p))
		if err != nil {
			return nil, false, err
		}
		for _, e := range *page.JSON200 {
			for _, s := range e.Components {
				rows = append(rows, newRow(e, s))
			}
		}
		if p.Cursor = nextCursor(page.HTTPResponse.Header); p.Cursor == nil || len(rows) >= mostRows {
			sortRows(rows)
			return rows, p.Cursor != nil, nil
		}
	}
}
