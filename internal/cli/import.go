package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/original"
)

type importCmd struct {
	writing
	planning
	Original string `arg:"" optional:"" name:"database-url" env:"METAGATE_ORIGINAL" help:"The original's PostgreSQL database, which is only read."`
	Tenant   string `env:"METAGATE_TENANT" placeholder:"KEY" help:"Only this tenant of the original's; another than the key's own needs ADMIN_ALLOW_CROSS_TENANT."`
	Skip     bool   `env:"METAGATE_SKIP" help:"Leave behind what can't be carried over; without it nothing is written then."`
	DryRun   bool   `env:"METAGATE_DRY_RUN" help:"Only show what would change, and the packets that result."`
	Yes      bool   `short:"y" env:"METAGATE_YES" help:"Don't ask. On a terminal import shows what would change and asks first; elsewhere it imports at once."`
}

func (c *importCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	if c.Original == "" {
		return coded{errors.New("which database? metagate import postgres://USER:PASSWORD@HOST:PORT/DATABASE, or METAGATE_ORIGINAL"), exitUsage}
	}
	d, err := c.read(ctx)
	if err != nil {
		return err
	}
	all := make([]imported, len(d.Worlds))
	for i, w := range d.Worlds {
		all[i].TenantKey = w.TenantKey
		var left []original.Left
		if left, all[i].Plan, err = foretell(ctx, m, w); err == nil && c.DryRun {
			err = all[i].compose(ctx, m, w)
		}
		if err != nil {
			return ofTenant(w, err)
		}
		d.Left = append(d.Left, left...)
	}
	c.say(s, d)
	if left := len(d.Left); left > 0 && !c.Skip {
		if c.DryRun {
			err = c.show(s, d, all)
		}
		return errors.Join(err, fmt.Errorf("nothing was written: what can't be carried over (%s) is listed above: mend it there, or leave it behind with --skip", thousands(left)))
	}
	if c.DryRun {
		if err := c.show(s, d, all); err != nil {
			return err
		}
		return c.verdict(pending(all))
	}
	asked := c.interactive(s) && pending(all)
	if asked {
		if err := c.show(s, d, all); err != nil {
			return err
		}
		if !agreed(ctx, s.out, os.Stdin) {
			return errors.New("nothing was imported")
		}
	}
	for i, w := range d.Worlds {
		plan, err := importWorld(ctx, m, w)
		if err != nil {
			if i > 0 && !asked { // these are written
				err = errors.Join(c.show(s, d, all[:i]), err)
			}
			return ofTenant(w, err)
		}
		all[i].Plan, all[i].Packets = plan, nil
		if asked { // the rest has been shown
			renderSummary(s.out, all[i].Plan)
		}
	}
	if asked {
		return nil
	}
	return c.show(s, d, all)
}

func pending(all []imported) bool {
	return slices.ContainsFunc(all, func(i imported) bool { return changes(i.Plan) > 0 })
}

// ofTenant says whose import failed; the exit code stays the error's own.
func ofTenant(w *original.World, err error) error {
	named := fmt.Errorf("tenant %s: %w", w.TenantKey, err)
	if c, ok := errors.AsType[coded](err); ok {
		return coded{named, c.code}
	}
	return named
}

// interactive reports whether somebody sees the plan and can answer.
func (c *importCmd) interactive(s streams) bool {
	return !c.Yes && c.Output == "text" && isTerminal(os.Stdin) && isTerminal(s.out)
}

// read reads the original's database, and keeps the tenant that is asked for.
func (c *importCmd) read(ctx context.Context) (*original.Database, error) {
	d, err := original.Read(ctx, c.Original)
	if err != nil || c.Tenant == "" {
		return d, err
	}
	d.Worlds = slices.DeleteFunc(d.Worlds, func(w *original.World) bool { return w.TenantKey != c.Tenant })
	d.Left = slices.DeleteFunc(d.Left, func(l original.Left) bool { return l.Tenant != c.Tenant })
	if len(d.Worlds) == 0 {
		return nil, fmt.Errorf("the original has nothing of tenant %q", c.Tenant)
	}
	return d, nil
}

// foretell asks the server what an import would change. What it refuses is taken out of
// the world, until it takes the rest: so one set of rules says what can't be carried.
func foretell(ctx context.Context, m *server, w *original.World) (all []original.Left, plan model.Plan, err error) {
	for {
		plan, places, err := tryWorld(ctx, m, w)
		if err == nil || len(places) == 0 {
			return all, plan, err
		}
		left := w.Leave(places)
		if len(left) == 0 { // it is about no resource
			for _, p := range places {
				fmt.Fprintf(m.log, "  %s: %s\n", p.Pointer, p.Detail)
			}
			return all, plan, err
		}
		all = append(all, left...)
	}
}

// tryWorld is a dry run; the places are those that the server refuses.
func tryWorld(ctx context.Context, m *server, w *original.World) (plan model.Plan, places []model.ProblemPlace, err error) {
	body, err := w.Document()
	if err != nil {
		return plan, nil, err
	}
	quiet := *m
	quiet.log = io.Discard // the places are told as the original's
	plan, err = answer[model.Plan](&quiet, func() (*http.Response, error) {
		return m.ApplyWorldWithBody(ctx, &model.ApplyWorldParams{DryRun: new(true)}, "application/json", bytes.NewReader(body))
	})
	if no, refused := errors.AsType[refusal](err); refused {
		places = no.places
	}
	return plan, places, err
}

func importWorld(ctx context.Context, m *server, w *original.World) (plan model.Plan, err error) {
	body, err := w.Document()
	if err != nil {
		return plan, err
	}
	defer progress(m.log, "importing tenant "+printable(w.TenantKey))()
	return answer[model.Plan](m, func() (*http.Response, error) {
		return m.ApplyWorldWithBody(ctx, &model.ApplyWorldParams{}, "application/json", bytes.NewReader(body))
	})
}
