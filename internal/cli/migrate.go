package cli

import (
	"context"
	"fmt"

	"github.com/legivellum/metagate/internal/app"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Apply every pending migration."`
	Down   migrateDownCmd   `cmd:"" help:"Take the newest migration back: its tables and what is in them are gone."`
	Status migrateStatusCmd `cmd:"" help:"List the migrations and when they were applied."`
}

type migrateUpCmd struct{ app.Database }

func (c *migrateUpCmd) Run(ctx context.Context, s streams) error {
	return withWorld(ctx, c.DatabaseURL, func(w *app.World) error {
		done, err := w.Migrate(ctx)
		for _, m := range done {
			fmt.Fprintln(s.out, "applied", m.Name)
		}
		if err == nil && len(done) == 0 {
			fmt.Fprintln(s.out, "nothing to do")
		}
		return err
	})
}

type migrateDownCmd struct{ app.Database }

func (c *migrateDownCmd) Run(ctx context.Context, s streams) error {
	return withWorld(ctx, c.DatabaseURL, func(w *app.World) error {
		m, err := w.MigrateDown(ctx)
		switch {
		case err != nil:
			return err
		case m.Name == "":
			fmt.Fprintln(s.out, "nothing to do")
		default:
			fmt.Fprintln(s.out, "took back", m.Name)
		}
		return nil
	})
}

type migrateStatusCmd struct{ app.Database }

func (c *migrateStatusCmd) Run(ctx context.Context, s streams) error {
	return withWorld(ctx, c.DatabaseURL, func(w *app.World) error {
		all, err := w.Migrations(ctx)
		for _, m := range all {
			state := "pending"
			if !m.AppliedAt.IsZero() {
				state = m.AppliedAt.UTC().Format("2006-01-02 15:04:05Z")
			}
			fmt.Fprintf(s.out, "%-22s %s\n", state, m.Name)
		}
		return err
	})
}

func withWorld(ctx context.Context, url string, fn func(*app.World) error) error {
	w, err := app.OpenWorld(ctx, url, false)
	if err != nil {
		return err
	}
	defer w.Close()
	return fn(w)
}
