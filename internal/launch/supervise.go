package launch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/legivellum/metagate/component"
)

// command is the running command.
type command struct {
	pid      int
	status   chan syscall.WaitStatus // its end
	stopped  chan syscall.Signal
	started  time.Time
	pumps    []*pump
	tail     *tail // of stderr
	inner    *inner
	terminal *terminal

	found   map[string]<-chan struct{} // log conditions: closed at the first line that matches
	waiting *waiting
	prober  *Prober
	passed  []string // the last signals, by name, before it was ready
	ready   bool
	ending  chan struct{} // closed at its end
	sent    chan struct{} // closed when READY is reported, or never will be
	told    bool          // it is reported; of who has seen sent closed
}

// supervise starts the command and stays until it ends.
func (l *launch) supervise(path string) (int, error) {
	c := &command{
		status: make(chan syscall.WaitStatus, 1), stopped: make(chan syscall.Signal, 8), sent: make(chan struct{}), ending: make(chan struct{}),
		waiting: &waiting{all: map[string]string{}}, terminal: openTerminal(), prober: &Prober{Run: l.runProbe},
	}
	defer func() { c.terminal.restore(c.pid) }()
	var looks []func([]byte)
	looks, c.found = l.lookers()
	c.prober.Remember(l.Ready)
	if err := l.start(path, c, looks); err != nil {
		return 0, l.failed(notStarted(err), fmt.Errorf("%s can't be started: %w", path, err), nil)
	}
	if !l.ForeignPorts {
		c.prober.Owner = l.ownerOf(c.pid)
	}
	quieterMemory()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ready := l.ready(ctx, c)
	overdue := time.After(l.allowed())
	for {
		select {
		case <-l.signals.children:
			l.kids.reap()
		case sig := <-l.signals.all:
			l.pass(c, sig)
		case sig := <-c.stopped:
			c.terminal.stopped(l.kids, c.pid, sig)
		case <-ready:
			ready = nil
			l.becameReady(ctx, c)
		case <-overdue:
			if !c.ready {
				go l.Say(fmt.Sprintf("%s is overdue: it isn't ready yet: %v", l.Command[0], c.waiting.list()))
			}
		case status := <-c.status:
			for _, p := range c.pumps {
				p.finish()
			}
			return l.ended(c, status, cancel)
		}
	}
}

// allowed is how long the command has until it is overdue; the clocks here and at MetaGate may differ.
func (l *launch) allowed() time.Duration {
	if l.startup.Source() == component.SourceCache {
		return time.Until(l.startup.Deadline())
	}
	return l.startup.Deadline().Sub(l.packet.IssuedAt)
}

// lookers are what looks at the lines of the command's streams, and what tells each condition that one matched.
func (l *launch) lookers() (looks []func([]byte), found map[string]<-chan struct{}) {
	found = map[string]<-chan struct{}{}
	for _, c := range l.Ready {
		if c.kind == "log" {
			look, seen := matcher(c.re)
			looks, found[c.text] = append(looks, look), seen
		}
	}
	return looks, found
}

// mostPassed is how many signals FAILED tells of: a report has room for 64 KiB.
const mostPassed = 20

// pass passes a signal on, as it came.
func (l *launch) pass(c *command, sig syscall.Signal) {
	group := l.SignalGroup
	if sig == syscall.SIGCONT {
		group = c.terminal.continued(c.pid) || group
	}
	if !c.ready && ends(sig) {
		c.passed = append(c.passed[max(0, len(c.passed)+1-mostPassed):], name(sig))
	}
	l.kids.signal(c.pid, sig, group)
}

// becameReady tells who waits for it: whoever is nearest first.
func (l *launch) becameReady(ctx context.Context, c *command) {
	c.ready = true
	l.outer.send("READY=1")
	if c.inner != nil {
		close(c.inner.open)
	}
	if err := l.files.state(State{StartupID: l.startup.ID(), Status: "READY"}); err != nil {
		l.Say(fmt.Sprintf("METAGATE_PACKET_FILE: healthcheck --startup won't see that it is ready: %v", err))
	}
	go l.reportReady(ctx, c)
}

// reportReady reports READY until MetaGate has it, as long as the command runs; nothing waits for it.
func (l *launch) reportReady(ctx context.Context, c *command) {
	defer close(c.sent)
	for pause := time.Second; ; pause = min(2*pause, 30*time.Second) {
		err := l.startup.Ready(ctx)
		if c.told = err == nil; c.told || ctx.Err() != nil {
			return
		}
		if !errors.Is(err, component.ErrUnavailable) {
			l.Say("READY can't be reported: " + err.Error())
			return
		}
		l.Say(fmt.Sprintf("READY isn't reported yet: %v", err))
		select {
		case <-ctx.Done():
			return
		case <-c.ending: // which reports once more
			return
		case <-time.After(jitter(pause)):
		}
	}
}

// ended reports what is to be reported at the command's end, and is its exit status.
func (l *launch) ended(c *command, status syscall.WaitStatus, cancel func()) (int, error) {
	code := status.ExitStatus()
	if status.Signaled() {
		code = exitSignal + int(status.Signal())
	}
	if !c.ready && l.readyAtEnd(c, code) {
		l.outer.send("READY=1")
		l.readyAtLast()
		return code, nil
	}
	if c.ready {
		refused := closed(c.sent) && !c.told // that has been said
		close(c.ending)
		if !refused {
			l.readyAtLast()
		}
		cancel()
		return code, nil
	}
	cancel()
	details, reason := l.death(c, status)
	if err := l.report(func(ctx context.Context) error { return l.startup.FailedWith(ctx, reason, details) }); err != nil {
		l.Say(fmt.Sprintf("%v; FAILED can't be reported: %v", reason, err))
	}
	return code, nil
}

// readyAtLast reports READY at the command's end. Behind a report that is on its way it waits, and asks nobody where that
// one arrives; both together have hardly more than the time of one.
func (l *launch) readyAtLast() {
	err := l.report(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, cmp.Or(l.Component.ReportBudget, component.DefaultBudget)+grace)
		defer cancel()
		return l.startup.Ready(ctx)
	})
	if err != nil {
		l.Say("READY can't be reported: " + err.Error())
	}
}

// readyAtEnd reports whether nothing is waited for any more: a good end may be the last thing, and what the command
// said or wrote last may have been heard just now, or not been looked at yet.
func (l *launch) readyAtEnd(c *command, code int) bool {
	for _, r := range l.Ready {
		happened := r.kind == "exit" && code == 0 || r.kind == "log" && closed(c.found[r.text]) || r.kind == "notify" && closed(c.inner.ready) ||
			r.kind == "file" && c.prober.file(r.arg) == nil
		if c.waiting.has(r) && !happened {
			return false
		}
	}
	return true
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// death is how a command ended that wasn't ready.
func (l *launch) death(c *command, status syscall.WaitStatus) (details map[string]any, reason error) {
	details = map[string]any{"command": l.Command[0], "ran_ms": time.Since(c.started).Milliseconds(), "waited_for": c.waiting.list()}
	if status.Signaled() {
		details["signal"] = name(status.Signal())
		details["core_dumped"] = status.CoreDump()
	} else {
		details["exit_code"] = status.ExitStatus()
	}
	text := fmt.Sprintf("%s %s before it was ready", l.Command[0], how(status))
	if len(c.passed) > 0 {
		details["signals_passed_on"] = c.passed
		text += ", after " + c.passed[len(c.passed)-1] + " was passed on"
	}
	if l.ReportStderr {
		details["stderr"] = c.tail.String()
	}
	return details, errors.New(text)
}

// how is how a program ended.
func how(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "was ended by " + name(status.Signal())
	}
	return fmt.Sprintf("ended with exit status %d", status.ExitStatus())
}
