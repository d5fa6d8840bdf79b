package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

const defaultLimit = 100

// page is whose rows a list shows, where it starts and how many it wants: one more
// than the answer holds, to know whether there is a next page.
type page struct {
	tenant *string // nil is all
	from   uuid.UUID
	limit  int64
}

// newPage reads tenant, limit and cursor; first is the id before all rows.
func newPage(a identity.Caller, tenant *string, limit *int64, cursor *string, first uuid.UUID) (page, error) {
	p := page{tenant: a.Scope(), from: first, limit: defaultLimit}
	if tenant != nil {
		if err := a.Reach(*tenant); err != nil {
			return p, err
		}
		p.tenant = tenant
	}
	if limit != nil {
		p.limit = *limit
	}
	if cursor == nil {
		return p, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(*cursor)
	if err == nil && len(*cursor) > base64.RawURLEncoding.EncodedLen(len(b)) {
		err = base64.CorruptInputError(len(*cursor)) // line breaks, which the decoder passes over
	}
	if err == nil {
		p.from, err = uuid.FromBytes(b)
	}
	if err != nil {
		return p, errs.Wrap(err, errs.InvalidRequest, `query parameter "cursor": take it from the Link header of the page before`)
	}
	return p, nil
}

// firstID is where the ids of a window begin: the rows before it are never read.
func firstID(since *time.Time) uuid.UUID {
	if since == nil || since.UnixMilli() < 0 { // before 1970 there are no UUIDv7
		return store.MinID
	}
	return store.FirstID(*since)
}

// until is where a page begins that goes back from a time: the rows after it are never read.
func (p page) until(t *time.Time) uuid.UUID {
	if t == nil {
		return p.from
	}
	end := firstID(new(t.Add(time.Millisecond))) // the time's own is filtered
	if bytes.Compare(end[:], p.from[:]) < 0 {
		return end
	}
	return p.from
}

func (p page) rows() int64 { return p.limit + 1 }

// cut turns the rows into what callers see, and makes the Link to the next page.
func cut[R, V any](ctx context.Context, p page, rows []R, view func(R) V, id func(R) uuid.UUID) (views []V, link string) {
	if int64(len(rows)) > p.limit {
		rows = rows[:p.limit]
		link = next(callOf(ctx).url, id(rows[len(rows)-1]))
	}
	views = make([]V, len(rows))
	for i, r := range rows {
		views[i] = view(r)
	}
	return views, link
}

func next(u *url.URL, last uuid.UUID) string {
	q := u.Query()
	q.Set("cursor", base64.RawURLEncoding.EncodeToString(last[:]))
	return fmt.Sprintf(`<%s?%s>; rel="next"`, u.Path, q.Encode())
}

// A list whose filter no index serves reads everything, which takes the processor
// and the disk from those who start: so few do at a time, and none for long.
const (
	scansAtOnce = 2
	scanTimeout = 5 * time.Second
)

// scan is newPage for what is much to read: it waits for a turn, as long as the request
// may. Whoever gets one calls done.
func (s *Server) scan(ctx context.Context, tenant *string, limit *int64, cursor *string, first uuid.UUID) (
	scanning context.Context, pg page, done func(), err error,
) {
	if pg, err = newPage(callerOf(ctx), tenant, limit, cursor, first); err != nil {
		return nil, pg, nil, err
	}
	select {
	case s.scans <- struct{}{}:
	case <-ctx.Done():
		return nil, pg, nil, errs.Wrap(ctx.Err(), errs.Unavailable, "too many lists are being read: try again")
	}
	scanning, cancel := context.WithTimeout(ctx, scanTimeout)
	return scanning, pg, func() { cancel(); <-s.scans }, nil
}

// text is a filter by one of an enumeration's values.
func text[T ~string](v *T) *string {
	if v == nil {
		return nil
	}
	return new(string(*v))
}

// deref is a parameter's value; absent is the zero value.
func deref[T any](v *T) T {
	if v == nil {
		var zero T
		return zero
	}
	return *v
}
