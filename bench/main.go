// Command bench measures: both engines beside this machine's own limits, what
// growth costs, this tree against another, or one server that runs.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/legivellum/metagate/internal/test/testdb"
)

type program struct {
	Table   tableCmd   `cmd:"" default:"1" help:"Measure both engines beside this machine's own limits, in one run."`
	Growth  growthCmd  `cmd:"" help:"Measure what many principals and receipts cost, on both engines."`
	Ask     askCmd     `cmd:"" help:"Measure how long an operator waits for an answer among many principals, on both engines."`
	Writers writersCmd `cmd:"" help:"Measure what admins who write without pause cost those who start, on both engines."`
	Pairs   pairsCmd   `cmd:"" help:"Measure this tree against another, in turns."`
	Overdue overdueCmd `cmd:"" help:"Measure how soon many overdue startups are events, beside many receipts and while replicas die."`
	Mirror  mirrorCmd  `cmd:"" help:"Measure what mirroring costs bootstraps, also where the ledger hangs."`
	Stream  streamCmd  `cmd:"" help:"Measure what those cost who listen to the stream."`
	Hops    hopsCmd    `cmd:"" help:"Measure whether one who hops between two replicas hears of every startup."`
	TLS     tlsCmd     `cmd:"" help:"Measure bootstraps over TLS beside those over plain HTTP, on kept connections and in turns."`
	Signed  signedCmd  `cmd:"" help:"Measure bootstraps with signed packets beside those with unsigned ones, in turns."`
	Doors   doorsCmd   `cmd:"" help:"Measure bootstraps through POST /mcp beside those through REST, in turns."`
	Load    loadCmd    `cmd:"" help:"Put a running server under load, or under a cold start, and print latencies."`
	Bare    bareCmd    `cmd:"" hidden:"" help:"Serve what table and pairs compare with."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// streams is where load writes: what was asked for to out, the rest to log.
type streams struct{ out, log io.Writer }

// run returns the exit code: 2 for wrong usage, 1 for what failed.
func run(ctx context.Context, args []string, out, log io.Writer) int {
	exit := -1
	k := kong.Must(&program{},
		kong.Name("bench"), kong.Description("MetaGate's benchmarks."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.Writers(out, log), kong.Exit(func(code int) { exit = code }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(streams{out, log}),
	)
	ignoreEmpty(k.Model)
	parsed, err := k.Parse(args)
	switch {
	case exit >= 0: // --help has been printed
		return exit
	case err != nil:
		err, exit = fmt.Errorf("%w (--help tells more)", err), 2
	default:
		err, exit = parsed.Run(), 1
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(log, "bench:", strings.Join(strings.Fields(err.Error()), " "))
	return exit
}

// ignoreEmpty lets a variable that is set to nothing mean its default.
func ignoreEmpty(m *kong.Application) {
	for _, command := range m.Leaves(false) {
		for _, f := range command.Flags {
			for _, name := range f.Envs {
				if os.Getenv(name) == "" {
					_ = os.Unsetenv(name)
				}
			}
		}
	}
}

// standUp gives f a directory, this tree's server and a PostgreSQL. Paths are
// from the root of the repository, wherever this program was started in it.
func standUp(ctx context.Context, f func(ctx context.Context, dir, binary string, cluster *testdb.Cluster) error) error {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/legivellum/metagate").Output()
	if err != nil {
		return fmt.Errorf("wants to be run in MetaGate's sources, to build the server: %w", err)
	}
	if err := os.Chdir(strings.TrimSpace(string(root))); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "metagate-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cluster, err := testdb.Start(ctx, os.Stderr, testdb.Durable(), testdb.Private())
	if err != nil {
		return err
	}
	defer cluster.Stop() //nolint:errcheck // its directory goes with it
	binary := filepath.Join(dir, "metagate")
	if err := build(ctx, ".", binary); err != nil {
		return err
	}
	return f(ctx, dir, binary, cluster)
}

// onEach does something on both engines, with what makes a new database of one and tells its URL.
func onEach(ctx context.Context, dir string, cluster *testdb.Cluster, do func(engine string, database func(name string) (string, error)) error) error {
	for _, engine := range []string{"PostgreSQL", "SQLite"} {
		err := do(engine, func(name string) (string, error) {
			if engine == "SQLite" {
				return "sqlite:" + filepath.Join(dir, name+".db"), nil
			}
			return cluster.URL(name), cluster.CreateDatabase(ctx, name, "")
		})
		if err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
	}
	return nil
}
