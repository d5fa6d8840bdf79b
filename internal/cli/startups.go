package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
)

type startupsCmd struct {
	remote
	Status    string        `env:"METAGATE_STATUS" enum:"OPEN,READY,FAILED,OVERDUE," default:"" placeholder:"STATUS" help:"Only OPEN, READY, FAILED or OVERDUE ones."`
	Principal string        `env:"METAGATE_PRINCIPAL" placeholder:"KEY" help:"Only those of this principal."`
	Component string        `env:"METAGATE_COMPONENT" placeholder:"KEY" help:"Only those of this component."`
	Since     time.Duration `env:"METAGATE_SINCE" placeholder:"AGE" help:"Only those opened since, as in 15m or 24h."`
	Limit     int64         `env:"METAGATE_LIMIT" default:"100" help:"How many at most, newest first."`
	Watch     bool          `short:"w" env:"METAGATE_WATCH" help:"Go on and print each one that is new or changes its state."`
}

const watchEvery = 2 * time.Second

func (c *startupsCmd) Run(ctx context.Context, s streams) error {
	remote, err := c.client()
	if err != nil {
		return err
	}
	seen := map[uuid.UUID]string{}
	for {
		rows, err := c.list(ctx, s, remote)
		if err != nil {
			return err
		}
		fresh := slices.DeleteFunc(rows, func(r model.StartupSession) bool { return seen[r.StartupID] == state(r) })
		if c.Output == "json" && (len(fresh) > 0 || !c.Watch) {
			err = asJSON(s.out, fresh)
		} else if c.Output != "json" {
			c.render(s, fresh)
		}
		if err != nil || !c.Watch {
			return err
		}
		for _, r := range fresh {
			seen[r.StartupID] = state(r)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchEvery):
		}
	}
}

func (c *startupsCmd) list(ctx context.Context, s streams, remote *client.ClientWithResponses) ([]model.StartupSession, error) {
	params := &model.ListStartupsParams{Limit: &c.Limit}
	if c.Status != "" {
		params.Status = new(model.StartupFilterStatus(c.Status))
	}
	if c.Principal != "" {
		params.PrincipalKey = &c.Principal
	}
	if c.Component != "" {
		params.ComponentKey = &c.Component
	}
	if c.Since > 0 {
		params.Since = new(time.Now().Add(-c.Since).UTC())
	}
	r, err := remote.ListStartupsWithResponse(ctx, params)
	if err != nil {
		return nil, c.reached(err)
	}
	return answer(s.log, r.HTTPResponse, r.Body, r.JSON200)
}

func state(r model.StartupSession) string {
	switch {
	case r.Overdue:
		return "OVERDUE"
	case r.Late:
		return string(r.Status) + " late"
	default:
		return string(r.Status)
	}
}

func (c *startupsCmd) render(s streams, rows []model.StartupSession) {
	p := painter(s.out)
	colours := map[string]string{"OPEN": yellow, "READY": green}
	for _, r := range slices.Backward(rows) { // the newest is the last line one sees
		colour, ok := colours[state(r)]
		if !ok {
			colour = red
		}
		note, err := r.Error.Get()
		if err != nil { // null
			note, _ = r.BuildVersion.Get()
		}
		fmt.Fprintf(s.out, "%s  %s  %s  %s  %s  %s\n", r.OpenedAt.Format(time.RFC3339), p.in(colour, fmt.Sprintf("%-10s", state(r))),
			r.PrincipalKey, r.ComponentKey, p.in(dim, r.StartupID.String()), note)
	}
}
