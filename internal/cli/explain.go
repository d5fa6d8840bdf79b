package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
)

type explainCmd struct {
	remote
	Principal string `arg:"" help:"principal_key or id."`
	Component string `arg:"" help:"component_key that would start."`
}

func (c *explainCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	id, err := uuid.Parse(c.Principal)
	if err != nil {
		p, err := m.principal(ctx, c.Principal)
		if err != nil {
			return err
		}
		id = p.ID
	}
	packet, err := answer[model.Explanation](m, func() (*http.Response, error) {
		return m.ExplainPacket(ctx, id.String(), &model.ExplainPacketParams{ComponentKey: c.Component})
	})
	if err != nil {
		return err
	}
	if c.Output != "text" {
		return encode(s.out, c.Output, packet)
	}
	return c.render(s, packet)
}

func (c *explainCmd) render(s streams, e model.Explanation) error {
	p := painter(s.out)
	if e.Refusal != nil {
		fmt.Fprintf(s.out, "%s %s would be refused: %d %s: %s\n", e.PrincipalKey, e.ComponentKey,
			e.Refusal.Status, p.in(red, e.Refusal.Code), e.Refusal.Detail)
	} else {
		fmt.Fprintf(s.out, "%s %s would get packet %s\n", e.PrincipalKey, e.ComponentKey, p.in(bold, e.PacketEtag))
	}
	var packet map[string]json.RawMessage
	if e.Packet != nil {
		if err := json.Unmarshal(e.Packet, &packet); err != nil {
			return err
		}
	}
	for _, section := range e.Sections {
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
