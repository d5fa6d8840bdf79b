package main

import (
	"context"
	"fmt"

	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/config"
)

type seedCmd struct{ config.Database }

func (c *seedCmd) Run(ctx context.Context, s streams) error {
	return withWorld(ctx, c.DatabaseURL, func(w *admin.Service) error {
		p, err := w.SeedDemo(ctx)
		if err != nil {
			return err
		}
		key, err := w.ReissueKey(ctx, p, "seed")
		if err != nil {
			return err
		}
		fmt.Fprintf(s.log, "principal %s (subject %s) has profile default-profile and manifest default-manifest; its new API key:\n",
			p.PrincipalKey, p.AuthSubject)
		fmt.Fprintln(s.out, key)
		return nil
	})
}

type adminKeyCmd struct {
	config.Database
	Name string `env:"METAGATE_KEY_NAME" default:"command line" help:"Name of the key, to know it by in GET /v1/admin/api-keys."`
}

func (c *adminKeyCmd) Run(ctx context.Context, s streams) error {
	return withWorld(ctx, c.DatabaseURL, func(w *admin.Service) error {
		p, err := w.EnsurePrincipal(ctx, admin.Admin)
		if err != nil {
			return err
		}
		issued, _, err := w.IssueKey(ctx, admin.CLI(), admin.KeyFor(p, c.Name))
		if err != nil {
			return err
		}
		fmt.Fprintf(s.log, "a new API key of principal %s; it is shown only here:\n", p.PrincipalKey)
		fmt.Fprintln(s.out, issued.APIKey)
		return nil
	})
}

// withWorld opens and migrates the database for a command that changes it.
func withWorld(ctx context.Context, url string, fn func(*admin.Service) error) error {
	c, err := config.Default()
	if err != nil {
		return err
	}
	st, err := app.Open(ctx, url)
	if err != nil {
		return err
	}
	defer st.Close()
	if _, err := st.Migrate(ctx); err != nil {
		return fmt.Errorf("DATABASE_URL: migrating failed: %w", err)
	}
	return fn(app.Admin(c, st))
}
