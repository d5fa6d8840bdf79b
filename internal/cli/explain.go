package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
)

type explainCmd struct {
	remote
	Principal string     `arg:"" help:"principal_key or id."`
	Component string     `arg:"" help:"component_key that would start."`
	Revision  *int64     `env:"METAGATE_REVISION" xor:"when" placeholder:"N" help:"As it was at this revision."`
	At        *time.Time `env:"METAGATE_AT" xor:"when" placeholder:"TIME" help:"As it was at this time, in RFC 3339: 2026-11-27T12:00:00Z."`
	Section   string     `env:"METAGATE_SECTION" enum:"capabilities,policy,environment,services,memory_map,polling,schemas,required_env," default:"" placeholder:"NAME" help:"Show only this section, such as policy, services or required_env."`
}

func (c *explainCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	ref := c.Principal
	if _, err := uuid.Parse(ref); err != nil && c.then() {
		ref = "key:" + ref // which may be nobody's by now
	} else if err != nil {
		p, err := m.principal(ctx, ref)
		if err != nil {
			return err
		}
		ref = p.ID.String()
	}
	packet, err := answer[model.Explanation](m, func() (*http.Response, error) {
		return m.ExplainPacket(ctx, ref, &model.ExplainPacketParams{ComponentKey: c.Component, Revision: c.Revision, At: c.At})
	})
	if err != nil {
		return err
	}
	if c.Output != "text" {
		return encode(s.out, c.Output, packet)
	}
	return c.render(s, packet)
}

// then tells whether it is asked for the past.
func (c *explainCmd) then() bool { return c.Revision != nil || c.At != nil }

func (c *explainCmd) render(s streams, e model.Explanation) error {
	p, would := painter(s.out), [2]string{"would be refused", "would get"}
	if c.then() {
		would = [2]string{"would have been refused", "would have got"}
	}
	if e.Refusal != nil {
		fmt.Fprintf(s.out, "%s %s %s: %d %s: %s\n", e.PrincipalKey, e.ComponentKey, would[0],
			e.Refusal.Status, p.in(red, e.Refusal.Code), e.Refusal.Detail)
	} else {
		fmt.Fprintf(s.out, "%s %s %s packet %s\n", e.PrincipalKey, e.ComponentKey, would[1], p.in(bold, e.PacketEtag))
	}
	var packet map[string]json.RawMessage
	if e.Packet != nil {
		if err := json.Unmarshal(e.Packet, &packet); err != nil {
			return err
		}
	}
	for _, section := range e.Sections {
		if c.Section != "" && section.Section != c.Section {
			continue
		}
		note := ""
		if len(section.Overridden) > 0 {
			note = p.in(yellow, "  overridden at "+strings.Join(section.Overridden, ", "))
		}
		fmt.Fprintf(s.out, "\n%s  %s%s\n", p.in(bold, section.Section), p.in(dim, string(section.From)+" "+section.Key), note)
		if doc := packet[section.Section]; doc != nil {
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, doc, "  ", "  "); err != nil {
				return err
			}
			fmt.Fprintf(s.out, "  %s\n", pretty.String())
		}
	}
	return nil
}
