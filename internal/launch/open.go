package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/legivellum/metagate/component"
)

// grace is how long an answer that may be on its way is waited for after a signal: what it opened can be closed then.
const grace = time.Second

// open bootstraps. A signal that ends programs ends it, too, and what was opened by then is reported FAILED.
func (l *launch) open() error {
	l.outer.send("STATUS=asking MetaGate for the packet")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	type result struct {
		*component.Startup
		error
	}
	done := make(chan result, 1)
	go func() {
		s, err := component.Start(ctx, l.Component)
		done <- result{s, err}
	}()
	var ended syscall.Signal
	for {
		select {
		case r := <-done:
			if r.error != nil && ended != 0 {
				return &Error{exitSignal + int(ended), fmt.Errorf("%s came before there was a packet", name(ended))}
			}
			if r.error != nil {
				return opening(r.error)
			}
			l.startup, l.packet = r.Startup, r.Packet()
			if ended != 0 {
				return l.failed(exitSignal+int(ended), fmt.Errorf("%s came before %s was started", name(ended), l.Command[0]),
					map[string]any{"signal": name(ended)})
			}
			return nil
		case sig := <-l.signals.all:
			switch {
			case stops(sig):
				_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) // as it would have without us
			case ends(sig) && ended == 0:
				ended = sig
				time.AfterFunc(grace, cancel)
			case ends(sig):
				cancel()
			}
		}
	}
}

// opening is why there is no packet, with its exit status.
func opening(err error) error {
	code := ExitConfig // the key's file can't be read
	var refused *component.Problem
	var missing *component.MissingError
	switch {
	case errors.As(err, &missing), errors.Is(err, component.ErrUnverified): // whatever became of the report
	case errors.Is(err, component.ErrUnavailable):
		code = ExitTryAgain
	case errors.As(err, &refused):
		code = ExitRefused
	}
	return &Error{code, err}
}
