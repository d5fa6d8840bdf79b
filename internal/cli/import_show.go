package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/original"
)

// imported is what an import does, or would do, to a tenant.
type imported struct {
	TenantKey string     `json:"tenant_key"`
	Plan      model.Plan `json:"plan"`

	// The packets that result, by principal, of a dry run.
	Packets map[string]map[string]json.RawMessage `json:"packets,omitempty"`
}

// compose adds the packets that would change, with what is on the server already.
func (i *imported) compose(ctx context.Context, m *server, w *original.World) error {
	if len(i.Plan.Packets) == 0 {
		return nil
	}
	there, err := answer[model.World](m, func() (*http.Response, error) {
		return m.ExportWorld(ctx, &model.ExportWorldParams{TenantKey: filter(w.TenantKey)}, func(_ context.Context, r *http.Request) error {
			r.Header.Set("Accept", "application/json")
			return nil
		})
	})
	if err != nil {
		return err
	}
	all, err := w.Packets(there)
	if err != nil {
		return err
	}
	i.Packets = map[string]map[string]json.RawMessage{}
	for _, p := range i.Plan.Packets {
		if packet, ours := all[p.PrincipalKey]; ours && !p.EtagAfter.IsNull() {
			i.Packets[p.PrincipalKey] = packet
		}
	}
	return nil
}

// say lists what can't be carried over, before anything is written.
func (c *importCmd) say(s streams, d *original.Database) {
	for _, l := range d.Left {
		line := l.String()
		if len(d.Worlds) > 1 {
			line = "tenant " + l.Tenant + ": " + line
		}
		fmt.Fprintln(s.log, "can't be carried over: "+printable(line))
	}
}

func (c *importCmd) show(s streams, d *original.Database, all []imported) error {
	if c.Output != "text" {
		return encode(s.out, c.Output, all)
	}
	fmt.Fprintf(s.out, "the original's database, with the tables of %s\n", d.Since)
	for _, one := range all {
		if len(all) > 1 {
			fmt.Fprintf(s.out, "tenant %s\n", printable(one.TenantKey))
		}
		if err := c.showPackets(s, one); err != nil {
			return err
		}
		renderPlan(s.out, one.Plan, c.All)
	}
	if n := d.Idle; n.APIKeys+n.Bindings > 0 {
		fmt.Fprintf(s.out, "left behind as of no use: %s revoked or expired API keys, %s inactive bindings\n", thousands(n.APIKeys), thousands(n.Bindings))
	}
	return nil
}

// showPackets shows the packets before the plan, whose end is what one reads.
func (c *importCmd) showPackets(s streams, one imported) error {
	n := 0
	for _, p := range one.Plan.Packets {
		packet, known := one.Packets[p.PrincipalKey]
		if !known {
			continue
		}
		if n++; n > shown && len(one.Packets) > tooLong && !c.All {
			fmt.Fprintf(s.out, "%s more packets: --all shows them\n\n", thousands(len(one.Packets)-shown))
			break
		}
		text, err := json.Marshal(packet)
		if err != nil {
			return err
		}
		var pretty bytes.Buffer
		if err := encode(&pretty, "json", json.RawMessage(text)); err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%s (%s) would get packet %s\n%s\n", p.PrincipalKey, p.ComponentKey, short(p.EtagAfter), pretty.String())
	}
	return nil
}
