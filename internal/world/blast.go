package world

import (
	"bytes"
	"context"
	"encoding/json"
	maps "maps"
	"slices"

	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/doc"
)

// blastRadius resolves, before and after the plan, every principal that the
// plan can reach, and lists those whose packets or deadlines differ.
func (s *Service) blastRadius(ctx context.Context, tenant string, p *plan, out *model.Plan) error {
	reached := slices.Sorted(maps.Keys(p.reach()))
	last, err := s.Admin.Store.LastComponents(ctx, tenant, reached)
	if err != nil {
		return err
	}
	for _, key := range reached {
		before, err := compile(p.before, key)
		if err != nil {
			return err
		}
		after, err := compile(p.after, key)
		if err != nil {
			return err
		}
		if b, a := before.seconds(), after.seconds(); b != a && b != 0 && a != 0 {
			out.Deadlines = append(out.Deadlines, model.DeadlineChange{PrincipalKey: key, SecondsBefore: b, SecondsAfter: a})
		}
		component, ok := last[key]
		if !ok {
			component = example(key, before, after)
		}
		beforeEtag, afterEtag := before.etag(component), after.etag(component)
		if beforeEtag == afterEtag {
			continue
		}
		out.Packets = append(out.Packets, model.PacketChange{
			PrincipalKey: key, ComponentKey: component, Sections: differing(before.members, after.members),
			EtagBefore: orNull(beforeEtag), EtagAfter: orNull(afterEtag),
		})
	}
	return nil
}

// seconds is how long a component has; zero where bootstrap would refuse.
func (c compiled) seconds() int64 {
	if c.Blueprint == nil {
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

// compiled is a principal's packet; nil where bootstrap would refuse it one.
type compiled struct {
	*bootstrap.Blueprint
	principal string
	members   map[string]json.RawMessage
}

func compile(s *state, principal string) (c compiled, err error) {
	c.principal = principal
	w, err := s.world(principal)
	if err != nil {
		return c, nil //nolint:nilerr // a refusal is an answer
	}
	if c.Blueprint, err = bootstrap.Compile(w); err != nil {
		return c, err
	}
	c.members, err = bootstrap.Compose(w)
	return c, err
}

// etag is empty where bootstrap would refuse.
func (c compiled) etag(component string) string {
	if c.Blueprint == nil || c.Permits(component) != nil {
		return ""
	}
	return c.Etag(c.principal, component)
}

// example is the component to compare packets for where the principal started
// none yet: one that its profile permits.
func example(principal string, before, after compiled) string {
	for _, c := range []compiled{before, after} {
		if c.Blueprint != nil {
			return c.Example(principal)
		}
	}
	return principal
}

// differing lists the packet's members that differ, by the etag's own measure.
func differing(before, after map[string]json.RawMessage) []string {
	names := maps.Clone(before)
	if names == nil {
		names = map[string]json.RawMessage{}
	}
	maps.Copy(names, after)
	delete(names, "manifest_version") // no part of the etag
	out := []string{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		b, _ := doc.Canonical(before[name])
		a, _ := doc.Canonical(after[name])
		if !bytes.Equal(a, b) {
			out = append(out, name)
		}
	}
	return out
}

func orNull(s string) nullable.Nullable[string] {
	if s == "" {
		return nullable.NewNullNullable[string]()
	}
	return nullable.NewNullableWithValue(s)
}
