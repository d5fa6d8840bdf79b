package launch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/legivellum/metagate/component"
)

// Fetch does what has to be done before a command that somebody else starts: it bootstraps and writes the packet and
// the templates. The startup stays open, for Probe or the command itself to report.
func Fetch(cfg Config) error {
	l := &launch{Config: cfg, kids: newKids(), signals: listen()}
	defer l.signals.stop()
	l.Component.HTTPClient, l.Component.Logger = quietClient(), logger(l.Say)
	if err := l.open(); err != nil {
		return err
	}
	_ = os.Remove(stateFile(l.PacketFile)) // of a start before
	packet, err := decode(l.packet.Raw)
	problems := []error{err, WriteFile(l.PacketFile, l.packet.Raw, cmp.Or(l.FileMode, 0o600))}
	for _, t := range l.Templates {
		problems = append(problems, t.render(packet, l.startup, l.Environ))
	}
	if err := errors.Join(problems...); err != nil {
		return l.failed(ExitConfig, err, map[string]any{"missing": missingOf(err)})
	}
	return nil
}

// Probe returns nil once the startup of a packet's file is ready. Where a launch is there, that one knows, and reports;
// after Fetch it is ready by the conditions, and reported here, once: only the container may have been started again, so
// each Probe looks. A report that can't be made is tried again, by the next Probe, until the startup's deadline: after it
// a component isn't held up for want of a witness.
func Probe(ctx context.Context, cfg Config) error {
	state, err := ReadState(cfg.PacketFile)
	switch {
	case err == nil && !state.Launched():
	case err == nil && state.Status == "READY":
		return nil
	case err == nil:
		return fmt.Errorf("startup %s is %s", state.StartupID, state.Status)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	raw, err := os.ReadFile(cfg.PacketFile)
	if err != nil {
		return fmt.Errorf("METAGATE_PACKET_FILE: neither exec nor fetch wrote a packet: %w", err)
	}
	p := Prober{Run: runAlone}
	for _, c := range cfg.Ready {
		if err := p.Look(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
	}
	s, err := component.Resume(cfg.Component, raw)
	if err != nil {
		return err
	}
	if s.ID() == state.StartupID {
		return nil // reported, or not to be
	}
	if err := s.Ready(ctx); err != nil {
		if !time.Now().After(s.Deadline()) && !settled(err) {
			return err
		}
		cfg.Say("READY can't be reported: " + err.Error())
	}
	h := handover{packet: cfg.PacketFile}
	if err := h.state(State{s.ID(), "READY", byProbe}); err != nil {
		cfg.Say("every probe will report READY again: " + err.Error())
	}
	return nil
}

// settled reports whether MetaGate knows how the startup went, or never will.
func settled(err error) bool {
	p := (*component.Problem)(nil)
	return errors.As(err, &p) && slices.Contains([]string{component.CodeInvalidState, component.CodeSessionNotFound}, p.Code)
}
