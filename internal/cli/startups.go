package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/legivellum/metagate/gen/model"
)

type startupsCmd struct {
	remote
	Status    upper  `env:"METAGATE_STATUS" enum:"OPEN,READY,FAILED,OVERDUE,SUPERSEDED,ACKNOWLEDGED," default:"" placeholder:"STATUS" help:"Only OPEN, READY, FAILED or OVERDUE ones, or those OPEN ones that were SUPERSEDED or ACKNOWLEDGED."`
	Principal string `env:"METAGATE_PRINCIPAL" placeholder:"KEY" help:"Only those of this principal."`
	Component string `env:"METAGATE_COMPONENT" placeholder:"KEY" help:"Only those of this component."`
	Instance  string `env:"METAGATE_INSTANCE" placeholder:"ID" help:"Only those of this instance."`
	Since     span   `env:"METAGATE_SINCE" placeholder:"AGE" help:"Only those opened since, as in 15m, 24h or 7d."`
	paging
	Watch bool          `short:"w" env:"METAGATE_WATCH" help:"Go on and print each one that is new or changes its state, the latest last."`
	Every time.Duration `env:"METAGATE_EVERY" default:"2s" help:"With --watch: how often to look at a server that has no stream, and how long to wait, at least, for one that went."`
}

// Validate is called by kong.
func (c *startupsCmd) Validate() error {
	if c.Every <= 0 {
		return errors.New("--every must be longer than nothing")
	}
	return c.paging.Validate()
}

func (c *startupsCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	since := c.Since.ago(time.Now())
	if c.Watch {
		return c.watch(ctx, m, s, since)
	}
	t := startupsTable(s)
	return printList(ctx, m, s.out, c.paging, c.list(m, since), t, func(r model.StartupSession) error {
		startupRow(t, m.now(), r)
		return nil
	})
}

// list asks for those that the filters let through, newest first.
func (c *startupsCmd) list(m *server, since *time.Time) fetch {
	return func(ctx context.Context, limit *int64, cursor *string) (*http.Response, error) {
		return m.ListStartups(ctx, &model.ListStartupsParams{
			Status: filter(model.StartupFilterStatus(c.Status)), PrincipalKey: filter(c.Principal), ComponentKey: filter(c.Component),
			InstanceID: filter(c.Instance), Since: since, Limit: limit, Cursor: cursor,
		})
	}
}

// filter is a parameter of a list; nil where it wasn't given.
func filter[T ~string](v T) *T {
	if v == "" {
		return nil
	}
	return &v
}

// state is one word more than the status where that doesn't say all.
func state(r model.StartupSession) string {
	switch {
	case r.Overdue:
		return "OVERDUE"
	case r.Late:
		return string(r.Status) + " late"
	case r.Status == model.StartupStatusOPEN && !r.AcknowledgedAt.IsNull():
		return "ACKNOWLEDGED"
	case r.Status == model.StartupStatusOPEN && !r.SupersededAt.IsNull():
		return "SUPERSEDED"
	default:
		return string(r.Status)
	}
}

func stateColour(state string) string {
	switch state {
	case "READY":
		return green
	case "OPEN":
		return yellow
	case "ACKNOWLEDGED", "SUPERSEDED":
		return dim
	default:
		return red
	}
}

func startupsTable(s streams) *table {
	return newTable(s.out, "STATE", "AGE", "TTR", "OVERDUE BY", "PRINCIPAL", "COMPONENT", "INSTANCE", "MANIFEST", "STARTUP", "NOTE")
}

func startupRow(t *table, now time.Time, r model.StartupSession) {
	ttr, late := "", ""
	if ready, err := r.ReadyAt.Get(); err == nil {
		ttr = took(ready.Sub(r.OpenedAt))
	}
	if r.Overdue {
		late = age(now.Sub(r.DeadlineAt))
	}
	note := said(r.Error)
	for _, also := range []string{said(r.AcknowledgedReason), said(r.BuildVersion)} {
		if note == "" {
			note = also
		}
	}
	t.row(stateColour(state(r)), state(r), age(now.Sub(r.OpenedAt)), ttr, late, r.PrincipalKey, r.ComponentKey, said(r.InstanceID),
		fmt.Sprintf("%s@%d", r.Manifest, r.ManifestVersion), r.StartupID.String(), clip(note))
}
