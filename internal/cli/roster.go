package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/legivellum/metagate/gen/model"
)

type rosterCmd struct {
	remote
	State     upper  `env:"METAGATE_STATE" enum:"NEVER,OPEN,READY,FAILED,OVERDUE," default:"" placeholder:"STATE" help:"Only principals of which a component is NEVER, OPEN, READY, FAILED or OVERDUE."`
	Packet    string `env:"METAGATE_PACKET" enum:"current,outdated,refused," default:"" placeholder:"PACKET" help:"Only principals of which a component has a current or an outdated packet, or would be refused now."`
	Principal string `env:"METAGATE_PRINCIPAL" placeholder:"KEY" help:"Only this principal."`
	paging
}

func (c *rosterCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	get := func(ctx context.Context, limit *int64, cursor *string) (*http.Response, error) {
		return m.ListRoster(ctx, &model.ListRosterParams{
			State: filter(model.RosterState(c.State)), Packet: filter(model.RosterPacket(c.Packet)), PrincipalKey: filter(c.Principal), Limit: limit, Cursor: cursor,
		})
	}
	t := newTable(s.out, "STATE", "SINCE", "TTR", "PRINCIPAL", "COMPONENT", "INSTANCE", "BUILD", "MANIFEST", "PACKET", "LABELS")
	return printList(ctx, m, s.out, c.paging, get, t, func(e model.RosterEntry) error {
		for _, r := range e.Components {
			rosterRow(t, m.now(), e, r)
		}
		return nil
	})
}

func rosterRow(t *table, now time.Time, e model.RosterEntry, r model.RosterStart) {
	state, ttr, manifest, labels := string(r.State), "", said(r.Manifest), ""
	if r.Late {
		state += " late"
	}
	if r.Missing > 1 {
		state += fmt.Sprintf(" (%d)", r.Missing)
	}
	if seconds, err := r.TimeToReady.Get(); err == nil {
		ttr = took(time.Duration(seconds * float64(time.Second)))
	}
	if version, err := r.ManifestVersion.Get(); err == nil {
		manifest += fmt.Sprintf("@%d", version)
	}
	if len(e.Labels) > 0 {
		labels = members(e.Labels, nil)
	}
	packet, _ := r.Packet.Get()
	differs := string(packet)
	if len(r.Sections) > 0 {
		differs += ": " + strings.Join(r.Sections, ", ")
	}
	colour := stateColour(state)
	if r.State == model.RosterStateREADY && packet != model.RosterPacketCurrent {
		colour = yellow
	}
	t.row(colour, state, age(now.Sub(r.Since)), ttr, e.PrincipalKey, r.ComponentKey, said(r.InstanceID), said(r.BuildVersion), manifest, differs, clip(labels))
}
