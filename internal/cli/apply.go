package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/legivellum/metagate/gen/model"
)

type applyCmd struct {
	remote
	File     string `short:"f" required:"" env:"METAGATE_WORLD" placeholder:"FILE" help:"The world, as YAML or JSON; - is standard input."`
	DryRun   bool   `env:"METAGATE_DRY_RUN" help:"Only show what would change, and whose packets."`
	Prune    bool   `env:"METAGATE_PRUNE" help:"Delete what the file doesn't name; admins are kept."`
	ExitCode bool   `name:"exit-code" env:"METAGATE_EXIT_CODE" help:"With --dry-run: exit with 4 when something would change."`
	All      bool   `env:"METAGATE_ALL" help:"List unchanged resources too."`
}

func (c *applyCmd) Run(ctx context.Context, s streams) error {
	world, err := c.read()
	if err != nil {
		return coded{err, exitUsage}
	}
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	plan, err := c.send(ctx, m, world, c.DryRun)
	if err != nil {
		return err
	}
	if c.Output != "text" {
		err = encode(s.out, c.Output, plan)
	} else {
		renderPlan(s.out, plan, c.All)
	}
	if err == nil && c.DryRun && c.ExitCode && changes(plan) > 0 {
		return coded{errors.New("changes are pending"), exitPending}
	}
	return err
}

func changes(p model.Plan) int { return p.Summary.Create + p.Summary.Update + p.Summary.Delete }

func (c *applyCmd) send(ctx context.Context, m *server, world []byte, dryRun bool) (model.Plan, error) {
	what := "applying"
	if dryRun {
		what = "working out the changes of"
	}
	defer progress(m.log, fmt.Sprintf("%s %s bytes", what, thousands(len(world))))()
	return answer[model.Plan](m, func() (*http.Response, error) {
		return m.ApplyWorldWithBody(ctx, &model.ApplyWorldParams{DryRun: &dryRun, Prune: &c.Prune}, mediaOf(world), bytes.NewReader(world))
	})
}

func (c *applyCmd) read() ([]byte, error) {
	if c.File == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(c.File)
}

// mediaOf tells JSON by its first brace; everything else is YAML.
func mediaOf(doc []byte) string {
	if bytes.HasPrefix(bytes.TrimSpace(doc), []byte("{")) {
		return "application/json"
	}
	return "application/yaml"
}
