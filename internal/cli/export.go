package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/legivellum/metagate/gen/model"
)

type exportCmd struct {
	remote
	Tenant string `env:"METAGATE_TENANT" placeholder:"KEY" help:"Another tenant than the key's own (ADMIN_ALLOW_CROSS_TENANT)."`
}

func (c *exportCmd) Run(ctx context.Context, s streams) error {
	remote, err := c.client()
	if err != nil {
		return err
	}
	params, want := &model.ExportWorldParams{}, "application/yaml"
	if c.Output == "json" {
		want = "application/json"
	}
	if c.Tenant != "" {
		params.TenantKey = &c.Tenant
	}
	r, err := remote.ExportWorld(ctx, params, func(_ context.Context, r *http.Request) error { // the bytes as they are, not parsed
		r.Header.Set("Accept", want)
		return nil
	})
	if err != nil {
		return c.reached(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return c.reached(err)
	}
	if err := refused(s.log, r, body); err != nil {
		return err
	}
	if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); media != want {
		return stranger(r) // it must not end in a backup
	}
	_, err = fmt.Fprint(s.out, string(body))
	return err
}
