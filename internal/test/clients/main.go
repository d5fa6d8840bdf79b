// Command clients runs the generated clients in clients/ and the starts in examples/start
// against the real server, each against one of its own: make clients. What a directory has to do is
// in its check.sh; with the METAGATE_ variables that metagate dev prints, anybody may run that.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Stdout, os.Args[1:], os.Getenv("CI") == "true")
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		os.Exit(1)
	}
}

// run makes the checks that are named, or all but schemathesis, and writes a line for each.
// With strict a missing tool is a failure; else the check is skipped, and says so.
func run(ctx context.Context, w io.Writer, names []string, strict bool) error {
	todo, err := choose(names)
	if err != nil {
		return err
	}
	return runAll(ctx, w, todo, strict)
}

func runAll(ctx context.Context, w io.Writer, todo []check, strict bool) error {
	var failed []string
	for _, c := range todo {
		if missing := c.missing(); missing != "" {
			fmt.Fprintf(w, "%-24s skipped: %s\n", c.name, missing)
			if strict {
				failed = append(failed, c.name)
			}
			continue
		}
		begin := time.Now()
		if err := c.run(ctx); err != nil {
			failed = append(failed, c.name)
			fmt.Fprintf(w, "%-24s FAILED: %v\n", c.name, err)
			continue
		}
		fmt.Fprintf(w, "%-24s ok, %d s\n", c.name, int(time.Since(begin).Seconds()))
	}
	if len(failed) > 0 {
		return errors.New("failed: " + strings.Join(failed, ", "))
	}
	return ctx.Err()
}
