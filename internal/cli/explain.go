package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
)

type explainCmd struct {
	remote
	Principal string `arg:"" help:"principal_key or id."`
	Component string `arg:"" help:"component_key that would start."`
}

func (c *explainCmd) Run(ctx context.Context, s streams) error {
	remote, err := c.client()
	if err != nil {
		return err
	}
	id, err := c.find(ctx, s, remote)
	if err != nil {
		return err
	}
	r, err := remote.ExplainPacketWithResponse(ctx, id.String(), &model.ExplainPacketParams{ComponentKey: c.Component})
	if err != nil {
		return c.reached(err)
	}
	packet, err := answer(s.log, r.HTTPResponse, r.Body, r.JSON200)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return asJSON(s.out, packet)
	}
	return c.render(s, packet)
}

// find takes an id as it is and looks a key up.
func (c *explainCmd) find(ctx context.Context, s streams, remote *client.ClientWithResponses) (uuid.UUID, error) {
	if id, err := uuid.Parse(c.Principal); err == nil {
		return id, nil
	}
	r, err := remote.ListPrincipalsWithResponse(ctx, &model.ListPrincipalsParams{PrincipalKey: &c.Principal})
	if err != nil {
		return uuid.Nil, c.reached(err)
	}
	found, err := answer(s.log, r.HTTPResponse, r.Body, r.JSON200)
	if err != nil {
		return uuid.Nil, err
	}
	switch len(found) {
	case 1:
		return found[0].ID, nil
	case 0:
		return uuid.Nil, coded{fmt.Errorf("no principal has the key %q", c.Principal), exitRefused}
	default:
		return uuid.Nil, coded{errors.New("several tenants have this principal_key: name its id"), exitUsage}
	}
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
