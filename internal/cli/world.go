package cli

import (
	"context"
	"fmt"

	"github.com/legivellum/metagate/internal/app"
)

type seedCmd struct{ app.Database }

func (c *seedCmd) Run(ctx context.Context, s streams) error {
	w, err := app.OpenWorld(ctx, c.DatabaseURL, true)
	if err != nil {
		return err
	}
	defer w.Close()
	key, err := w.Seed(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.log, "principal test-component-001 (subject test-subject-001) is bound to default-profile and default-manifest; its new API key:")
	fmt.Fprintln(s.out, key)
	return nil
}

type adminKeyCmd struct {
	app.Database
	Name string `env:"METAGATE_KEY_NAME" default:"command line" help:"Name of the key, to know it by in GET /v1/admin/api-keys."`
}

func (c *adminKeyCmd) Run(ctx context.Context, s streams) error {
	w, err := app.OpenWorld(ctx, c.DatabaseURL, true)
	if err != nil {
		return err
	}
	defer w.Close()
	key, err := w.AdminKey(ctx, c.Name)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.log, "a new API key of principal admin; it is shown only here:")
	fmt.Fprintln(s.out, key)
	return nil
}
