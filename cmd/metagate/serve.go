package main

import (
	"context"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/config"
)

type serveCmd struct{ config.Config }

func (c *serveCmd) Run(ctx context.Context, s streams) error {
	return app.Run(ctx, c.Config, app.Build{Version: version}, s.log)
}
