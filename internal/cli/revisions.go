package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/legivellum/metagate/gen/model"
)

type revisionsCmd struct {
	remote
	Tenant string `env:"METAGATE_TENANT" placeholder:"KEY" help:"Another tenant than the key's own (ADMIN_ALLOW_CROSS_TENANT)."`
	paging
}

func (c *revisionsCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	get := func(ctx context.Context, limit *int64, cursor *string) (*http.Response, error) {
		return m.ListRevisions(ctx, &model.ListRevisionsParams{TenantKey: filter(c.Tenant), Limit: limit, Cursor: cursor})
	}
	t := newTable(s.out, "REVISION", "WHEN", "WHO", "WHAT", "WHY")
	return printList(ctx, m, s.out, c.paging, get, t, func(r model.Revision) error {
		actor := who(model.AuditEntry{Actor: r.Actor, AuthMethod: r.AuthMethod})
		t.row(dim, fmt.Sprint(r.Revision), stamp(r.CreatedAt), actor, what(r.Changes), said(r.Reason))
		return nil
	})
}

// what is a revision's changes in a line: "update manifest mesh, create 12 principals".
func what(changes []model.RevisionChange) string {
	var parts []string
	for _, c := range changes {
		typ := strings.ReplaceAll(string(c.ResourceType), "_", " ")
		if c.Count > 1 {
			parts = append(parts, fmt.Sprintf("%s %s %ss", c.Action, thousands(int(c.Count)), typ))
		} else {
			parts = append(parts, fmt.Sprintf("%s %s %s", c.Action, typ, c.ResourceKey))
		}
	}
	return strings.Join(parts, ", ")
}

type diffCmd struct {
	remote
	All    bool   `env:"METAGATE_ALL" help:"List everything, however much it is."`
	Tenant string `env:"METAGATE_TENANT" placeholder:"KEY" help:"Another tenant than the key's own (ADMIN_ALLOW_CROSS_TENANT)."`
	From   int64  `required:"" env:"METAGATE_FROM" placeholder:"N" help:"The revision before."`
	To     *int64 `env:"METAGATE_TO" placeholder:"N" help:"The revision after; the present one unless it is named."`
}

func (c *diffCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	plan, err := answer[model.Plan](m, func() (*http.Response, error) {
		return m.DiffRevisions(ctx, &model.DiffRevisionsParams{From: c.From, To: c.To, TenantKey: filter(c.Tenant)})
	})
	if err != nil {
		return err
	}
	if c.Output != "text" {
		return encode(s.out, c.Output, plan)
	}
	renderChanged(s.out, plan, c.All)
	return nil
}

type rollbackCmd struct {
	writing
	planning
	Revision int64    `arg:"" help:"The revision to go back to: see metagate revisions."`
	Tenant   string   `env:"METAGATE_TENANT" placeholder:"KEY" help:"Another tenant than the key's own (ADMIN_ALLOW_CROSS_TENANT)."`
	DryRun   bool     `env:"METAGATE_DRY_RUN" help:"Only show what would change, and whose packets."`
	Enable   []string `env:"METAGATE_ENABLE" placeholder:"KEY" help:"Principals that are disabled now, or gone, and shall be active again if they were then."`
	Yes      bool     `short:"y" env:"METAGATE_YES" help:"Don't ask. On a terminal rollback shows what would change and asks first; elsewhere it needs this."`
}

func (c *rollbackCmd) Run(ctx context.Context, s streams) error {
	asks := c.Output == "text" && isTerminal(os.Stdin) && isTerminal(s.out)
	if !c.DryRun && !c.Yes && !asks {
		return coded{errors.New("a rollback changes the world: see what with --dry-run, and say --yes"), exitUsage}
	}
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	if !c.DryRun && !c.Yes {
		foretold, err := c.send(ctx, m, true)
		if err != nil {
			return err
		}
		renderPlan(s.out, foretold, c.All)
		c.renderDisabled(s, foretold)
		if changes(foretold) == 0 {
			return nil
		}
		if !agreed(ctx, s.out, os.Stdin) {
			return errors.New("nothing was rolled back")
		}
	}
	plan, err := c.send(ctx, m, c.DryRun)
	if err != nil {
		return err
	}
	if c.Output != "text" {
		err = encode(s.out, c.Output, plan)
	} else {
		renderPlan(s.out, plan, c.All)
		c.renderDisabled(s, plan)
	}
	if err == nil && c.DryRun {
		err = c.verdict(changes(plan) > 0)
	}
	return err
}

func (c *rollbackCmd) send(ctx context.Context, m *server, dryRun bool) (model.Plan, error) {
	return answer[model.Plan](m, func() (*http.Response, error) {
		return m.RollbackWorld(ctx, nil, model.Rollback{Revision: c.Revision, DryRun: dryRun, Enable: c.Enable, TenantKey: c.Tenant})
	})
}

// renderDisabled tells who was active then and won't be, and how to change that.
func (c *rollbackCmd) renderDisabled(s streams, p model.Plan) {
	if len(p.Disabled) == 0 {
		return
	}
	keys, more := p.Disabled, ""
	if len(keys) > shown && !c.All {
		keys, more = keys[:shown], fmt.Sprintf(" and %s more (--all lists them)", thousands(len(p.Disabled)-shown))
	}
	fmt.Fprintf(s.out, "%s: %s%s; --enable KEY makes one active again\n",
		painter(s.out).in(yellow, fmt.Sprintf("disabled, and active then (%s)", thousands(len(p.Disabled)))), strings.Join(keys, ", "), more)
}
