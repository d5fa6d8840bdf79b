package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
)

type startupCmd struct {
	remote
	ID  uuid.UUID `arg:"" placeholder:"STARTUP_ID" help:"Its startup_id."`
	Ack string    `env:"METAGATE_ACK" placeholder:"REASON" help:"Say why it is no alarm any more, though it is overdue."`
}

func (c *startupCmd) Run(ctx context.Context, s streams) error {
	c.reason = c.Ack
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	r, err := answer[model.StartupSession](m, func() (*http.Response, error) {
		if c.Ack != "" {
			return m.AcknowledgeStartup(ctx, c.ID, model.Acknowledgement{Reason: c.Ack})
		}
		return m.GetStartup(ctx, c.ID)
	})
	if err != nil {
		return err
	}
	if c.Output != "text" {
		return encode(s.out, c.Output, r)
	}
	renderStartup(s.out, m.now(), r)
	return nil
}

// renderStartup writes a receipt as its story: what happened when, then what it is about.
func renderStartup(out io.Writer, now time.Time, r model.StartupSession) {
	p := painter(out)
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(out, "  %s  %s\n", p.in(dim, fmt.Sprintf("%-12s", name)), printable(text))
		}
	}
	word := state(r)
	if r.Overdue {
		word += " by " + age(now.Sub(r.DeadlineAt))
	}
	fmt.Fprintf(out, "%s  %s  %s\n", p.in(bold, r.StartupID.String()), p.in(stateColour(state(r)), word), r.ComponentKey)
	for _, e := range timeline(r) {
		line(e.name, strings.TrimSpace(stamp(e.at)+e.after(r.OpenedAt)+"  "+e.note))
	}
	fmt.Fprintln(out)
	line("principal", r.PrincipalKey)
	line("instance", said(r.InstanceID))
	line("host", said(r.Host))
	line("labels", members(r.Labels.Get()))
	line("build", said(r.BuildVersion))
	line("error", said(r.Error))
	line("health", members(r.Health.Get()))
	line("details", members(r.Details.Get()))
	line("profile", r.Profile)
	line("manifest", fmt.Sprintf("%s@%d", r.Manifest, r.ManifestVersion))
	line("packet", r.PacketEtag)
	line("credential", members(r.Credential.Get()))
	line("peer", said(r.RemoteAddr))
	line("source", string(r.Source))
	if revision, err := r.Revision.Get(); err == nil {
		line("revision", fmt.Sprint(revision))
	}
}

// event is a point of a startup's timeline.
type event struct {
	name string
	at   time.Time
	note string
}

// after is how long after the opening it was.
func (e event) after(opened time.Time) string {
	if d := e.at.Sub(opened); d > 0 {
		return "  +" + took(d)
	}
	return ""
}

func timeline(r model.StartupSession) []event {
	events := []event{{"opened", r.OpenedAt, ""}, {"deadline", r.DeadlineAt, ""}}
	add := func(name, note string, at time.Time, err error) {
		if err == nil {
			events = append(events, event{name, at, note})
		}
	}
	late := ""
	if r.Late {
		late = "late"
	}
	ready, err := r.ReadyAt.Get()
	add("ready", late, ready, err)
	failed, err := r.FailedAt.Get()
	add("failed", late, failed, err)
	superseded, err := r.SupersededAt.Get()
	by, _ := r.SupersededBy.Get()
	add("superseded", "by "+by.String(), superseded, err)
	acknowledged, err := r.AcknowledgedAt.Get()
	add("acknowledged", "by "+said(r.AcknowledgedBy)+": "+said(r.AcknowledgedReason), acknowledged, err)
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	return events
}
