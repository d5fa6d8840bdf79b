package cli

import (
	"context"
	"net/http"

	"github.com/legivellum/metagate/gen/model"
)

type exportCmd struct {
	remote
	Tenant   string `env:"METAGATE_TENANT" placeholder:"KEY" help:"Another tenant than the key's own (ADMIN_ALLOW_CROSS_TENANT)."`
	Revision *int64 `env:"METAGATE_REVISION" placeholder:"N" help:"The world as it was at this revision."`
}

func (c *exportCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	want := "application/yaml"
	if c.Output == "json" {
		want = "application/json"
	}
	r, body, err := m.do(func() (*http.Response, error) {
		return m.ExportWorld(ctx, &model.ExportWorldParams{TenantKey: filter(c.Tenant), Revision: c.Revision}, func(_ context.Context, r *http.Request) error {
			r.Header.Set("Accept", want)
			return nil
		})
	})
	if err != nil {
		return err
	}
	if media(r) != want {
		return stranger(r) // it must not end in a backup
	}
	_, err = s.out.Write(body) // the bytes as they are
	return err
}
