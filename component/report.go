package component

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// How a startup is closed.
const (
	stateReady  = "READY"
	stateFailed = "FAILED"
	stateElse   = "by somebody else" // an admin, or a report whose answer was lost
)

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

// ending is one of them: with another health, or other details.
type ending interface {
	extra() any
	with(extra any) ending
}

func (r readyReport) extra() any  { return r.Health }
func (r failedReport) extra() any { return r.Details }

func (r readyReport) with(extra any) ending {
	r.Health = extra
	return r
}

func (r failedReport) with(extra any) ending {
	r.Details = extra
	return r
}

// Ready reports that the component is up, with its build version. It tries for
// Config.ReportBudget. Once it has succeeded it returns nil without asking again; after
// a FAILED it is ErrReported. Where it is ErrUnavailable, MetaGate may have the report
// all the same: call Ready again, when the component runs. With Config.CacheDir it is
// none: the report is kept, told when MetaGate answers, and the receipt then says when.
func (s *Startup) Ready(ctx context.Context) error { return s.ReadyWith(ctx, nil) }

// ReadyWith is Ready with a health: a text, or whatever encoding/json makes an object
// of. It is kept on the receipt as it is; with the rest it has at most 64 KiB, or is
// reported as {"truncated":true}. U+0000, which MetaGate takes nowhere, is U+FFFD there.
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
// on the receipt as they are, within the limits of ReadyWith.
func (s *Startup) FailedWith(ctx context.Context, reason error, details any) error {
	text := "failed, without a reason"
	if reason != nil {
		text = reason.Error()
	}
	return s.report(ctx, pathFailed, stateFailed, failedReport{s.ID(), clean(text), details})
}

// report sends a report when it is this one's turn.
func (s *Startup) report(ctx context.Context, path, state string, body ending) error {
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
func (s *Startup) send(ctx context.Context, path, state string, body ending) error {
	body, text, err := fit(body)
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
