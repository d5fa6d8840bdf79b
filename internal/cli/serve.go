package cli

import (
	"context"
	"os"

	"github.com/alecthomas/kong"

	"github.com/legivellum/metagate/internal/app"
)

type serveCmd struct{ app.Config }

func (c *serveCmd) Run(ctx context.Context, s streams, b build, k *kong.Context) error {
	c.Unread = app.Unread(k.Model, os.Environ())
	return app.Run(ctx, c.Config, app.Build{Version: string(b)}, s.log)
}
