package cli

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
)

type packetCmd struct {
	remote
	Of        string     `arg:"" placeholder:"STARTUP_ID|PRINCIPAL" help:"The startup's startup_id, or a principal_key: its last startup's."`
	Component string     `env:"METAGATE_COMPONENT" placeholder:"KEY" help:"With a principal: the last startup of this component."`
	At        *time.Time `env:"METAGATE_AT" placeholder:"TIME" help:"With a principal: the packet that it had at this time, in RFC 3339: 2026-11-27T12:00:00Z."`
}

func (c *packetCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	id, err := c.startup(ctx, m)
	if err != nil {
		return err
	}
	r, body, err := m.do(func() (*http.Response, error) { return m.GetStartupPacket(ctx, id) })
	if err != nil {
		return err
	}
	if media(r) != "application/json" {
		return stranger(r)
	}
	if c.Output == "yaml" {
		if body, err = doc.JSONToYAML(body); err != nil {
			return err
		}
	}
	_, err = s.out.Write(body) // the bytes as they were sent, and no line's end
	return err
}

// startup is the one whose packet is asked for.
func (c *packetCmd) startup(ctx context.Context, m *server) (uuid.UUID, error) {
	if id, err := uuid.Parse(c.Of); err == nil {
		return id, nil
	}
	rows, err := answer[[]model.StartupSession](m, func() (*http.Response, error) {
		return m.ListStartups(ctx, &model.ListStartupsParams{PrincipalKey: &c.Of, ComponentKey: filter(c.Component), Until: c.At, Limit: new(int64(1))})
	})
	if err != nil {
		return uuid.Nil, err
	}
	if len(rows) == 0 {
		return uuid.Nil, coded{fmt.Errorf("principal %q has no such startup whose receipt is still there (RECEIPT_RETENTION_HOURS)", c.Of), exitRefused}
	}
	return rows[0].StartupID, nil
}
