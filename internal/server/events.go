package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

// ListEvents implements GET /v1/admin/events.
func (s *Server) ListEvents(ctx context.Context, r api.ListEventsRequestObject) (api.ListEventsResponseObject, error) {
	p := r.Params
	ctx, pg, done, err := s.scan(ctx, p.TenantKey, p.Limit, nil, store.MinID)
	if err != nil {
		return nil, err
	}
	defer done()
	bounds, err := s.Store.EventBounds(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.ListEvents(ctx, store.ListEventsParams{After: deref(p.After), TenantKey: pg.tenant, Types: typesOf(p.Types), RowLimit: pg.limit})
	if err != nil {
		return nil, err
	}
	link := ""
	if n := len(rows); int64(n) == pg.limit && rows[n-1].Seq < bounds.Newest {
		link = after(callOf(ctx).url, rows[len(rows)-1].Seq)
	}
	body := make([]model.Event, len(rows))
	for i, e := range rows {
		body[i] = eventView(e)
		bounds.Newest = max(bounds.Newest, e.Seq)
	}
	return api.ListEvents200JSONResponse{Body: body, Headers: api.ListEvents200ResponseHeaders{
		Link: link, MetagateEventsNewest: bounds.Newest, MetagateEventsOldest: bounds.Oldest,
	}}, nil
}

// after is the Link to what comes behind an event.
func after(u *url.URL, seq int64) string {
	q := u.Query()
	q.Set("after", strconv.FormatInt(seq, 10))
	return fmt.Sprintf(`<%s?%s>; rel="next"`, u.Path, q.Encode())
}

// typesOf is the filter as the query has it; none is all.
func typesOf(types []model.EventType) *string {
	if len(types) == 0 {
		return nil
	}
	var list strings.Builder
	for _, t := range types {
		list.WriteString("," + string(t))
	}
	return new(list.String() + ",")
}

func eventView(e store.Event) model.Event {
	return model.Event{
		Seq: e.Seq, ID: e.ID, Type: model.EventType(e.Type), TenantKey: e.TenantKey, Subject: e.Subject, StartupID: null(e.StartupID),
		PrincipalKey: null(e.PrincipalKey), OccurredAt: e.OccurredAt, RecordedAt: e.RecordedAt, Data: json.RawMessage(e.Data),
	}
}
