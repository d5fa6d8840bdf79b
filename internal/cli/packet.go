package cli

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/internal/doc"
)

type packetCmd struct {
	remote
	ID uuid.UUID `arg:"" placeholder:"STARTUP_ID" help:"The startup's startup_id."`
}

func (c *packetCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	r, body, err := m.do(func() (*http.Response, error) { return m.GetStartupPacket(ctx, c.ID) })
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
