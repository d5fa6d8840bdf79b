package world

import (
	"context"
	"encoding/json"
	maps "maps"
	"slices"

	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/bootstrap"
)

// blastRadius resolves, before and after the plan, every principal that the
// plan can reach, and lists those whose packets or deadlines differ.
func (s *Service) blastRadius(ctx context.Context, tenant string, p *plan, out *model.Plan) error {
	reached := slices.Sorted(maps.Keys(p.reach()))
	last, err := s.Admin.Store.LastComponents(ctx, tenant, reached)
	if err != nil {
		return err
	}
	before, after, sections := compiler{state: p.before}, compiler{state: p.after}, differences{}
	for _, key := range reached {
		b, err := before.of(key)
		if err != nil {
			return err
		}
		a, err := after.of(key)
		if err != nil {
			return err
		}
		if was, is := b.seconds(), a.seconds(); was != is && was != 0 && is != 0 {
			out.Deadlines = append(out.Deadlines, model.DeadlineChange{PrincipalKey: key, SecondsBefore: was, SecondsAfter: is})
		}
		component, ok := last[key]
		if !ok {
			component = example(key, b, a)
		}
		beforeEtag, afterEtag := b.etag(key, component), a.etag(key, component)
		if beforeEtag == afterEtag {
			continue
		}
		out.Packets = append(out.Packets, model.PacketChange{
			PrincipalKey: key, ComponentKey: component, Sections: sections.between(b, a),
			EtagBefore: orNull(beforeEtag), EtagAfter: orNull(afterEtag),
		})
	}
	return nil
}

// seconds is how long a component has; zero where bootstrap would refuse.
func (c *compiled) seconds() int64 {
	if c == nil {
		return 0
	}
	return int64(c.SLA.Seconds())
}

// reach is every principal whose packet is made of something that the plan touches.
func (p *plan) reach() map[string]bool { return p.touched.reach(p.before, p.after) }

func (t touched) reach(states ...*state) map[string]bool {
	reached := maps.Clone(t.principals)
	for _, s := range states {
		for key, b := range s.active {
			if len(t.secretRefs) > 0 || t.profiles[b.Profile] || t.manifests[b.Manifest] {
				reached[key] = true
			}
		}
	}
	return reached
}

// compiled is what principals' packets have alike; nil where bootstrap would refuse one.
type compiled struct {
	*bootstrap.Blueprint
	members map[string]json.RawMessage
}

// compiler compiles once for all who share a profile, a manifest and overrides.
type compiler struct {
	*state
	made map[recipe]*compiled
}

type recipe struct{ profile, manifest, overrides string }

// mostCompiled bounds the memory of those whose overrides are all different.
const mostCompiled = 1000

func (c *compiler) of(principal string) (*compiled, error) {
	w, err := c.world(principal)
	if err != nil {
		return nil, nil //nolint:nilerr // a refusal is an answer
	}
	key := recipe{w.Profile.ProfileKey, w.Manifest.ManifestKey, string(w.Overrides)}
	if made, ok := c.made[key]; ok {
		return made, nil
	}
	made := &compiled{}
	if made.Blueprint, err = bootstrap.Compile(w); err != nil {
		return nil, err
	}
	if made.members, err = bootstrap.Compose(w); err != nil {
		return nil, err
	}
	if c.made == nil || len(c.made) >= mostCompiled {
		c.made = map[recipe]*compiled{}
	}
	c.made[key] = made
	return made, nil
}

// etag is empty where bootstrap would refuse.
func (c *compiled) etag(principal, component string) string {
	if c == nil || c.Permits(component) != nil {
		return ""
	}
	return c.Etag(principal, component)
}

// example is the component to compare packets for where the principal started
// none yet: one that its profile permits.
func example(principal string, before, after *compiled) string {
	for _, c := range []*compiled{before, after} {
		if c != nil {
			return c.Example(principal)
		}
	}
	return principal
}

// differences are looked for once between any two.
type differences map[[2]*compiled][]string

// between lists the packet's members that differ, by the etag's own measure.
func (d differences) between(before, after *compiled) []string {
	pair := [2]*compiled{before, after}
	if known, ok := d[pair]; ok {
		return known
	}
	if len(d) >= mostCompiled {
		clear(d)
	}
	var members [2]map[string]json.RawMessage
	for i, c := range pair {
		if c != nil {
			members[i] = c.members
		}
	}
	d[pair] = bootstrap.Differing(members[0], members[1])
	return d[pair]
}

func orNull(s string) nullable.Nullable[string] {
	if s == "" {
		return nullable.NewNullNullable[string]()
	}
	return nullable.NewNullableWithValue(s)
}
