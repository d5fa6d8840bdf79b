// Package cli is the command line: one thin file for each command, on app or, as
// a client like any other, on a running server.
package cli

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

	"github.com/alecthomas/kong"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/componentcli"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2

	exitRefused = 3 // the server refused
	exitPending = 4 // apply --dry-run --exit-code: there is something to do
	exitClosed  = 5 // gate: fail
	exitUnknown = 6 // gate: insufficient
)

type cli struct {
	VersionFlag kong.VersionFlag `name:"version" help:"Print the version and quit."`

	Serve       serveCmd           `cmd:"" help:"Run the server."`
	Dev         devCmd             `cmd:"" help:"Run a server to try things out: embedded SQLite, demo world, keys, lines to paste."`
	Seed        seedCmd            `cmd:"" help:"Create the demo world if it isn't there, and print a new API key for its component; the one before is revoked."`
	Token       tokenCmd           `cmd:"" help:"Print a JWT for testing, signed with JWT_SECRET."`
	AdminKey    adminKeyCmd        `cmd:"" help:"Print a new API key of principal admin; creates the principal if need be."`
	Apply       applyCmd           `cmd:"" help:"Make a server's world as a file says, or show what that would change."`
	Export      exportCmd          `cmd:"" help:"Print a server's world, or what it was, as a file that apply takes."`
	Import      importCmd          `cmd:"" help:"Make a server's world of the Python original's database, which is only read."`
	Explain     explainCmd         `cmd:"" help:"Show the packet that a principal would get now, or would have got then, and where its values come from."`
	Revisions   revisionsCmd       `cmd:"" aliases:"history" help:"List what each admin write made of the world, newest first."`
	Diff        diffCmd            `cmd:"" help:"Show what changed between two revisions, and whose packets."`
	Rollback    rollbackCmd        `cmd:"" help:"Make a server's world as it was at a revision, or show what that would change."`
	Packet      packetCmd          `cmd:"" help:"Print the very packet that a startup was answered with."`
	Startups    startupsCmd        `cmd:"" help:"List who came up and who did not, newest first."`
	Startup     startupCmd         `cmd:"" help:"Show one startup: what happened when, and with which packet."`
	Roster      rosterCmd          `cmd:"" help:"List who is up and who is not, who never called, and who has an old packet."`
	Outcomes    outcomesCmd        `cmd:"" help:"Show how many startups came to what, and how long they took."`
	Gate        gateCmd            `cmd:"" help:"Tell whether a new version of a manifest starts worse than one before: exit 0 pass, 5 fail, 6 too little is known."`
	Refusals    refusalsCmd        `cmd:"" help:"List who was turned away, and why."`
	Events      eventsCmd          `cmd:"" help:"List what happened: startups that are overdue, late, FAILED or superseded, changes of the world, identity conflicts."`
	Get         getCmd             `cmd:"" help:"Show principals, profiles, manifests, bindings, secret references or API keys."`
	Keys        keysCmd            `cmd:"" help:"Issue, list, rotate or revoke API keys."`
	Audit       auditCmd           `cmd:"" help:"List who changed what, newest first."`
	Exec        componentcli.Exec  `cmd:"" help:"Start a command under MetaGate: get its packet, hand it over, report READY or FAILED, end as it does."`
	Fetch       componentcli.Fetch `cmd:"" help:"Write a component's packet to a file, for a command that somebody else starts."`
	Migrate     migrateCmd         `cmd:"" help:"Apply, take back or list database migrations."`
	Version     versionCmd         `cmd:"" help:"Print the version."`
	Completion  completionCmd      `cmd:"" help:"Print what makes a shell complete commands and flags: source <(metagate completion bash)."`
	Healthcheck healthcheckCmd     `cmd:"" hidden:"" help:"Exit 0 if the server on this host is alive."`
}

// Main runs metagate with its arguments, until it is done or told to end by
// SIGINT or SIGTERM, and returns the exit code.
func Main(args []string, version string) int {
	if len(args) > 0 && args[0] == "serve" {
		signal.Ignore(syscall.SIGPIPE) // who reads the log may go: the server stays
	}
	if len(args) > 0 && args[0] == "exec" {
		return run(context.Background(), args, version, os.Stdout, os.Stderr) // its signals are the command's
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, args, version, os.Stdout, os.Stderr)
}

// streams is where a command writes: what was asked for to out, the rest to log.
type streams struct{ out, log io.Writer }

// build is which metagate this is.
type build string

// run parses the command line and runs the command. It returns the exit code.
func run(ctx context.Context, args []string, version string, out, log io.Writer) int {
	var c cli
	exit, host := -1, componentcli.Host{Environ: os.Environ(), Say: componentcli.Say(log)}
	k, err := kong.New(&c,
		kong.Name("metagate"),
		kong.Description("Bootstrap authority and startup witness. Every flag has an environment variable, named beside it, and with the prefix METAGATE_ too; a flag wins over its variable."),
		kong.UsageOnError(), kong.Writers(out, log), kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.Vars{"version": "metagate " + version},
		app.Environment(),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(streams{out, log}, build(version), host),
	)
	if err != nil {
		return fail(log, exitFailed, err)
	}
	if len(args) > 1 && args[0] == completing {
		complete(out, k.Model.Node, args[1], args[2:])
		return exitOK
	}
	ignoreEmpty(k.Model.Node)
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := k.Parse(args)
	if exit >= 0 { // --help or --version has been printed
		return exit
	}
	if err != nil {
		return fail(log, exitUsage, fmt.Errorf("%w (%s --help tells more)", err, helpfulCommand(err)))
	}
	if err := parsed.Run(); err != nil && !errors.Is(err, context.Canceled) {
		if e, ok := errors.AsType[*componentcli.Exit](err); ok {
			if e.Err == nil { // a command's own
				return e.Code
			}
			return fail(log, e.Code, err)
		}
		if c, ok := errors.AsType[coded](err); ok {
			return fail(log, c.code, err)
		}
		return fail(log, exitFailed, err)
	}
	return exitOK
}

// helpfulCommand is the command whose help tells how to avoid err.
func helpfulCommand(err error) string {
	if e, ok := errors.AsType[*kong.ParseError](err); ok {
		if c := e.Context.Selected(); c != nil {
			return pathOf(c)
		}
	}
	return "metagate"
}

// pathOf is how a command is called, without its aliases.
func pathOf(n *kong.Node) string {
	if n.Parent == nil {
		return n.Name
	}
	return pathOf(n.Parent) + " " + n.Name
}

// fail says what went wrong in one line, for a second at most: nobody may be reading.
func fail(log io.Writer, code int, err error) int {
	said := make(chan struct{})
	go func() {
		defer close(said)
		fmt.Fprintln(log, "metagate:", strings.Join(strings.Fields(err.Error()), " "))
	}()
	select {
	case <-said:
	case <-time.After(time.Second):
	}
	return code
}

// ignoreEmpty lets a variable that is set to nothing mean its default, as
// docker compose's ${NAME:-} wants it.
func ignoreEmpty(n *kong.Node) {
	for _, f := range n.Flags {
		for _, name := range f.Envs {
			if v, ok := os.LookupEnv(name); ok && v == "" {
				_ = os.Unsetenv(name)
			}
		}
	}
	for _, child := range n.Children {
		ignoreEmpty(child)
	}
}
