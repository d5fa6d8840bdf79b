// Package componentcli is the part of the command line that stands beside a component: exec, fetch and healthcheck
// --startup. It is a room apart from cli because it is a program of its own, too, metagate-component: what goes into
// every component's image, and runs beside every component, links no server.
package componentcli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/legivellum/metagate/internal/launch"
)

const exitUsage = 2

// Host is where a command runs.
type Host struct {
	// Environ is the environment as this program got it.
	Environ []string
	// Say tells the operator something in one line.
	Say func(string)
}

// Exit is how a command ended.
type Exit struct {
	// Code is the exit status.
	Code int
	// Err is why; nil where it is a command's own status, which says it all.
	Err error
}

// Error is why, or the status.
func (e *Exit) Error() string {
	if e.Err == nil {
		return "exit status " + strconv.Itoa(e.Code)
	}
	return e.Err.Error()
}

func (e *Exit) Unwrap() error { return e.Err }

// exit is the end of a launch.
func exit(code int, err error) error {
	e := (*launch.Error)(nil)
	switch {
	case errors.As(err, &e):
		return &Exit{e.Code, err}
	case err != nil:
		return &Exit{1, err}
	case code != 0:
		return &Exit{Code: code}
	}
	return nil
}

func wrong(text string) error { return &Exit{exitUsage, errors.New(text)} }

// Say is a Host's Say that writes to w: for a second at most, as nobody may be reading.
func Say(w io.Writer) func(string) {
	return func(text string) {
		said := make(chan struct{})
		go func() {
			defer close(said)
			launch.WithoutSIGPIPE(func() { fmt.Fprintln(w, "metagate:", strings.Join(strings.Fields(text), " ")) })
		}()
		select {
		case <-said:
		case <-time.After(time.Second):
		}
	}
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(out io.Writer, version string) error {
	_, err := fmt.Fprintln(out, "metagate", version)
	return err
}

// Main runs metagate-component with its arguments and returns the exit code.
func Main(args []string, version string) int {
	var c struct {
		Exec        Exec       `cmd:"" help:"Start a command under MetaGate: get its packet, hand it over, report READY or FAILED, end as it does."`
		Fetch       Fetch      `cmd:"" help:"Write a component's packet to a file, for a command that somebody else starts."`
		Healthcheck Startup    `cmd:"" help:"With --startup: exit 0 once the component is ready."`
		Version     versionCmd `cmd:"" help:"Print the version."`
	}
	say, status := Say(os.Stderr), -1
	host := Host{os.Environ(), say}
	k, err := kong.New(&c, kong.Name("metagate"), kong.Description("MetaGate beside a component: the whole program has the same commands, and the server."),
		kong.UsageOnError(), kong.Exit(func(code int) { status = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.Bind(host, version), kong.BindTo(os.Stdout, (*io.Writer)(nil)))
	if err != nil {
		say(err.Error())
		return 1
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := k.Parse(args)
	if status >= 0 { // --help has been printed
		return status
	}
	if err != nil {
		say(err.Error() + " (metagate --help tells more)")
		return exitUsage
	}
	e := (*Exit)(nil)
	switch err := parsed.Run(); {
	case errors.As(err, &e) && e.Err == nil:
		return e.Code
	case errors.As(err, &e):
		say(err.Error())
		return e.Code
	case err != nil:
		say(err.Error())
		return 1
	}
	return 0
}
