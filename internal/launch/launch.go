// Package launch starts a command under MetaGate: it bootstraps, hands the packet over, starts the command, passes
// signals on, reports READY once the command is ready and FAILED where it ends before, and ends as the command does.
//
// It is a witness beside the command, not its master: it never kills it and never starts it again. MetaGate being away
// keeps a command from starting, but nothing that runs already.
//
// The files: open.go asks for the packet, handover.go, mapping.go and template.go pass it on, kids.go and signals.go
// are what a process with children has to do, ready.go and the probes beside it wait for readiness, supervise.go
// brings them together.
package launch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/legivellum/metagate/component"
)

// What a launch ends with where the command has no status of its own; those below 80 are sysexits(3)'s.
const (
	ExitRefused       = 69  // EX_UNAVAILABLE: MetaGate refused
	ExitTryAgain      = 75  // EX_TEMPFAIL: MetaGate gave no answer
	ExitConfig        = 78  // EX_CONFIG: something that the command needs is missing
	ExitNotExecutable = 126 // as shells have it
	ExitNotFound      = 127
	exitSignal        = 128 // and the signal's number
)

// Config is what is started, and how.
type Config struct {
	// Component is who starts, and where MetaGate is.
	Component component.Config
	// Command is the program and its arguments.
	Command []string
	// Environ is the environment that the command gets beside what is handed over.
	Environ []string
	// Ready is what the command is ready by: all of it. None is After(DefaultAfter).
	Ready []Condition
	// ForeignPorts takes a port for the command's that another process listens on.
	ForeignPorts bool
	// Mappings are variables out of the packet.
	Mappings []Mapping
	// Templates are files rendered from the packet.
	Templates []Template
	// PacketFile is where the packet goes; a file of its own in a directory of its own where it is empty.
	PacketFile string
	// FileMode is the mode of the packet's file; 0 is 0600.
	FileMode fs.FileMode
	// KeepKey leaves the variables with MetaGate's key in the command's environment.
	KeepKey bool
	// ReportStderr has the last 8 KiB that the command wrote to stderr reported with FAILED.
	ReportStderr bool
	// SignalGroup passes signals on to the command's process group, not to the command alone.
	SignalGroup bool
	// Say tells the operator something in one line.
	Say func(string)
}

// Error is why a launch ended without a status of the command.
type Error struct {
	// Code is the exit status to end with.
	Code int
	error
}

func (e *Error) Unwrap() error { return e.error }

// launch is a Config on its way.
type launch struct {
	Config
	signals *signals
	kids    *kids
	outer   *outer // the service manager that waits for this process
	startup *component.Startup
	packet  component.Packet
	files   *handover
}

// Run launches the command and returns its exit status, 128+n where signal n ended it; or an *Error.
func Run(cfg Config) (int, error) {
	l := &launch{Config: cfg, kids: newKids(), outer: newOuter(cfg.Environ)}
	if len(l.Ready) == 0 {
		l.Ready = []Condition{After(DefaultAfter)}
	}
	runtime.GOMAXPROCS(1) // it waits, mostly: more would cost the host threads and time
	l.signals = listen()
	defer l.signals.stop()
	becomeParent()
	l.Component.HTTPClient, l.Component.Logger = quietClient(), logger(l.Say)

	forget(l.PacketFile)
	if err := l.open(); err != nil {
		return 0, err
	}
	var err error
	if l.files, err = l.handOver(); err != nil {
		return 0, l.failed(ExitConfig, err, map[string]any{"missing": missingOf(err)})
	}
	defer l.files.remove()
	path, err := exec.LookPath(l.Command[0])
	if err != nil {
		return 0, l.failed(notStarted(err), fmt.Errorf("%s can't be started: %w", l.Command[0], err), nil)
	}
	return l.supervise(path)
}

// notStarted is the status of a program that couldn't be started.
func notStarted(err error) int {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return ExitNotFound
	}
	return ExitNotExecutable
}

// failed reports FAILED and is the error to end with.
func (l *launch) failed(code int, reason error, details any) error {
	if err := l.report(func(ctx context.Context) error { return l.startup.FailedWith(ctx, reason, details) }); err != nil {
		reason = fmt.Errorf("%w; and it couldn't be reported: %w", reason, err)
	}
	return &Error{code, reason}
}

// report reports something before the end; a signal that ends programs ends the attempt.
func (l *launch) report(send func(context.Context) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		err := send(ctx)
		if err == nil {
			err = l.startup.Close() // it is reported: this only ends what is being told of earlier starts
		}
		done <- err
	}()
	for {
		select {
		case err := <-done:
			return err
		case sig := <-l.signals.all:
			if ends(sig) {
				cancel()
			}
		}
	}
}

func logger(say func(string)) *slog.Logger { return slog.New(sayer{say}) }

// sayer tells warnings of the package component in a line.
type sayer struct{ say func(string) }

func (s sayer) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (s sayer) WithAttrs([]slog.Attr) slog.Handler               { return s }
func (s sayer) WithGroup(string) slog.Handler                    { return s }

func (s sayer) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += ", " + a.Key + " " + a.Value.String()
		return true
	})
	s.say(text)
	return nil
}

// lookup is a variable of an environment.
func lookup(environ []string, name string) string {
	for _, entry := range slices.Backward(environ) { // the last one holds
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
