package cli

import (
	"context"

	"github.com/legivellum/metagate/internal/app"
)

type serveCmd struct{ app.Config }

func (c *serveCmd) Run(ctx context.Context, s streams, b build) error {
	return app.Run(ctx, c.Config, app.Build{Version: string(b)}, s.log)
}
