package component

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// How a startup is closed.
const (
	stateReady  = "READY"
	stateFailed = "FAILED"
	stateElse   = "by somebody else" // an admin, or a report whose answer was lost
)

// maxText is the length of the longest error text that is reported, in bytes: a report
// has at most 64 KiB.
const maxText = 16 << 10

type readyReport struct {
	StartupID    string `json:"startup_id"`
	BuildVersion string `json:"build_version"`
	Health       any    `json:"health,omitempty"`
}

type failedReport struct {
	StartupID string `json:"startup_id"`
	Error     string `json:"error"`
	Details   any    `json:"details,omitempty"`
}

// Ready reports that the component is up, with its build version. It tries for
// Config.ReportBudget. Once it has succeeded it returns nil without asking again; after
// a FAILED it is ErrReported. Where it is ErrUnavailable, MetaGate may have the report
// all the same: call Ready again, when the component runs. With Config.CacheDir it is
// none: the report is kept, told when MetaGate answers, and the receipt then says when.
func (s *Startup) Ready(ctx context.Context) error { return s.ReadyWith(ctx, nil) }

// ReadyWith is Ready with a health: a text, or whatever encoding/json makes an object
// of. It is kept on the receipt as it is; with the rest it has at most 64 KiB.
func (s *Startup) ReadyWith(ctx context.Context, health any) error {
	return s.report(ctx, pathReady, stateReady, readyReport{s.ID(), clean(s.caller.Version), health})
}

// Failed reports why the component can't start. It tries for Config.ReportBudget. Once
// it has succeeded it returns nil without asking again, whatever the reason is then;
// after a READY it is ErrReported.
func (s *Startup) Failed(ctx context.Context, reason error) error {
	return s.FailedWith(ctx, reason, nil)
}

// FailedWith is Failed with details: anything that encoding/json encodes. They are kept
// on the receipt as they are; with the rest they have at most 64 KiB.
func (s *Startup) FailedWith(ctx context.Context, reason error, details any) error {
	text := "failed, without a reason"
	if reason != nil {
		text = reason.Error()
	}
	return s.report(ctx, pathFailed, stateFailed, failedReport{s.ID(), clean(text), details})
}

// report sends a report when it is this one's turn.
func (s *Startup) report(ctx context.Context, path, state string, body any) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return fmt.Errorf("metagate: %s: %w", state, ctx.Err())
	}
	switch s.state {
	case "":
		return s.send(ctx, path, state, body)
	case state:
		return nil
	default:
		return fmt.Errorf("%w: %s", ErrReported, s.state)
	}
}

// send sends a report; it is of who has the turn.
func (s *Startup) send(ctx context.Context, path, state string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("metagate: %s: %w", state, err)
	}
	if s.Source() == SourceCache {
		return s.postpone(state, body)
	}
	err = s.caller.call(ctx, request{path: path, body: text, budget: s.caller.ReportBudget, accept: s.acknowledged})
	if err != nil && s.caller.outbox != nil && errors.Is(err, ErrUnavailable) {
		return s.postpone(state, body)
	}
	if err != nil {
		if p := (*Problem)(nil); errors.As(err, &p) && (p.Code == CodeInvalidState || p.Code == CodeSessionNotFound) {
			s.state = stateElse
		}
		return fmt.Errorf("metagate: %s of startup %s: %w", state, s.ID(), err)
	}
	s.state = state
	s.caller.idle()
	s.caller.Logger.InfoContext(ctx, "startup is reported", "startup_id", s.ID(), "status", state)
	return nil
}

// acknowledged reads the answer to a report.
func (s *Startup) acknowledged(_ http.Header, body []byte) error {
	var ack struct {
		StartupID string `json:"startup_id"`
	}
	if err := json.Unmarshal(body, &ack); err != nil {
		return err
	}
	if ack.StartupID != s.ID() {
		return fmt.Errorf("an acknowledgement of startup %q", ack.StartupID)
	}
	return nil
}

// clean is text that MetaGate takes: not too long, and without U+0000, which is in no
// JSON text of it. What is no UTF-8 encoding/json replaces.
func clean(text string) string {
	if len(text) > maxText {
		text = text[:maxText] + "…"
	}
	return strings.ReplaceAll(text, "\x00", "\uFFFD")
}
