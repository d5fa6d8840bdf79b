package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

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
	doc, err := c.read()
	if err != nil {
		return coded{err, exitUsage}
	}
	remote, err := c.client()
	if err != nil {
		return err
	}
	stop := progress(s.log, fmt.Sprintf("applying %d bytes", len(doc)))
	r, err := remote.ApplyWorldWithBodyWithResponse(ctx, &model.ApplyWorldParams{DryRun: &c.DryRun, Prune: &c.Prune}, mediaOf(doc), bytes.NewReader(doc))
	stop()
	if err != nil {
		return c.reached(err)
	}
	plan, err := answer(s.log, r.HTTPResponse, r.Body, r.JSON200)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		err = asJSON(s.out, plan)
	} else {
		renderPlan(s.out, plan, c.All)
	}
	n := plan.Summary
	if err == nil && c.DryRun && c.ExitCode && n.Create+n.Update+n.Delete > 0 {
		return coded{errors.New("changes are pending"), exitPending}
	}
	return err
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

// progress shows on a terminal that something long goes on, until it is stopped.
func progress(w io.Writer, what string) (stop func()) {
	return progressOf(w, func(since time.Duration) string {
		return fmt.Sprintf("%s … %s", what, since.Round(100*time.Millisecond))
	})
}

func progressOf(w io.Writer, line func(since time.Duration) string) (stop func()) {
	if !isTerminal(w) {
		return func() {}
	}
	done, ended, start := make(chan struct{}), make(chan struct{}), time.Now()
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				fmt.Fprint(w, "\r\x1b[K")
				return
			case <-time.After(200 * time.Millisecond):
				fmt.Fprintf(w, "\r\x1b[K%s", line(time.Since(start)))
			}
		}
	}()
	return func() { close(done); <-ended }
}
