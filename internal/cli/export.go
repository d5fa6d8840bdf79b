package cli

import (
	"context"
	"fmt"
	"io"
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
	params := &model.ExportWorldParams{Accept: new("application/yaml")}
	if c.Output == "json" {
		params.Accept = new("application/json")
	}
	if c.Tenant != "" {
		params.TenantKey = &c.Tenant
	}
	r, err := remote.ExportWorld(ctx, params) // the bytes as they are, not parsed
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
	if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); media != *params.Accept {
		return stranger(r) // it must not end in a backup
	}
	_, err = fmt.Fprint(s.out, string(body))
	return err
}
