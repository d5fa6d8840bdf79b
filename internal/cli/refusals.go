package cli

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/legivellum/metagate/gen/model"
)

type refusalsCmd struct {
	remote
	Code      upper  `env:"METAGATE_CODE" placeholder:"CODE" help:"Only those with this code, as in NO_BINDING."`
	Principal string `env:"METAGATE_PRINCIPAL" placeholder:"KEY" help:"Only those of this principal."`
	Since     span   `env:"METAGATE_SINCE" placeholder:"AGE" help:"Only those last seen since, as in 15m, 24h or 7d."`
	paging
}

func (c *refusalsCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	since := c.Since.ago(time.Now())
	get := func(ctx context.Context, limit *int64, cursor *string) (*http.Response, error) {
		return m.ListRefusals(ctx, &model.ListRefusalsParams{
			Code: filter(string(c.Code)), PrincipalKey: filter(c.Principal), Since: since, Limit: limit, Cursor: cursor,
		})
	}
	t := newTable(s.out, "CODE", "TIMES", "LAST", "FIRST", "PRINCIPAL", "KEY", "COMPONENT", "FROM", "WHAT", "NOTE")
	return printList(ctx, m, s.out, c.paging, get, t, func(r model.RefusalEntry) error {
		prefix := said(r.KeyPrefix)
		if prefix != "" {
			prefix += "…"
		}
		t.row(red, r.Code, strconv.FormatInt(r.Count, 10), age(m.now().Sub(r.LastAt)), age(m.now().Sub(r.FirstAt)),
			said(r.PrincipalKey), prefix, said(r.ComponentKey), r.RemoteAddr, r.Operation, clip(r.Detail))
		return nil
	})
}
