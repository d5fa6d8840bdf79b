package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/legivellum/metagate/gen/model"
)

// planning is of a command that may only say what it would change.
type planning struct {
	ExitCode bool `name:"exit-code" env:"METAGATE_EXIT_CODE" help:"With --dry-run: exit with 4 when something would change."`
	All      bool `env:"METAGATE_ALL" help:"List everything, unchanged resources too."`
}

// verdict is the end of a dry run.
func (p planning) verdict(pending bool) error {
	if p.ExitCode && pending {
		return coded{errors.New("changes are pending"), exitPending}
	}
	return nil
}

type applyCmd struct {
	writing
	planning
	File   string `short:"f" required:"" env:"METAGATE_WORLD" placeholder:"FILE" help:"The world, as YAML or JSON; - is standard input."`
	DryRun bool   `env:"METAGATE_DRY_RUN" help:"Only show what would change, and whose packets."`
	Prune  bool   `env:"METAGATE_PRUNE" help:"Delete what the file doesn't name; admins are kept."`
	Yes    bool   `short:"y" env:"METAGATE_YES" help:"Don't ask. On a terminal apply shows what would change and asks first; elsewhere it applies at once."`
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
	if c.interactive(s) {
		return c.ask(ctx, m, s, world)
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
	if err == nil && c.DryRun {
		err = c.verdict(changes(plan) > 0)
	}
	return err
}

// interactive reports whether somebody sees the plan and can answer.
func (c *applyCmd) interactive(s streams) bool {
	return !c.DryRun && c.Output == "text" && c.File != "-" && isTerminal(os.Stdin) && isTerminal(s.out)
}

// ask shows what would change before it asks whether it shall.
func (c *applyCmd) ask(ctx context.Context, m *server, s streams, world []byte) error {
	foretold, err := c.send(ctx, m, world, true)
	if err != nil {
		return err
	}
	renderPlan(s.out, foretold, c.All)
	if changes(foretold) == 0 {
		return nil
	}
	if !c.Yes && !agreed(ctx, s.out, os.Stdin) {
		return errors.New("nothing was applied")
	}
	plan, err := c.send(ctx, m, world, false)
	if err != nil {
		return err
	}
	if plan.Summary == foretold.Summary {
		renderSummary(s.out, plan)
	} else { // somebody was faster
		renderPlan(s.out, plan, c.All)
	}
	fmt.Fprintf(s.out, "packets that changed: %s\n", thousands(len(foretold.Packets))) // the dry run knows, the apply doesn't say
	return nil
}

func agreed(ctx context.Context, out io.Writer, in io.Reader) bool {
	fmt.Fprint(out, "apply? [y/N] ")
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n') // its end is a no
		said <- line
	}()
	select {
	case line := <-said:
		return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(line)))
	case <-ctx.Done():
		fmt.Fprintln(out)
		return false
	}
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
