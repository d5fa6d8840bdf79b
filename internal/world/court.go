package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	maps "maps"
	"slices"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/validation"
)

// maxSteps is what all checks of one write may take, in validation's steps: seconds.
const maxSteps = 10_000_000

var errSpent = errors.New("spent")

// court holds a world that is to be against its validators. What was no better before is
// no reason to refuse a write: it is told. That holds for what a new validator finds, too,
// where it accepts what is present.
type court struct {
	ctx           context.Context //nolint:containedctx // of one judgement
	schemas       *validation.Cache
	before, after *state
	touched       touched
	reached       map[string]bool // principals whose packets may differ

	steps          int
	documents      map[*state]map[string]document // by "manifest/key", and of packets by what they are made of
	denied, warned []model.ValidatorFinding
}

type document struct {
	validation.Document
	absent bool // there is none: bootstrap would refuse
}

// rule is a validator that is compiled.
type rule struct {
	model.ValidatorCreate
	schema *validation.Schema
	keys   []string
}

func (c *court) rule(v model.ValidatorCreate) (r rule, err error) {
	r.ValidatorCreate = v
	if r.schema, err = c.schemas.Compile(v.Schema, "/schema"); err != nil {
		return r, err
	}
	r.keys, err = admin.Keys(v.Match)
	return r, err
}

// hold finds what is denied and what is warned of; with all also in what isn't touched.
func (c *court) hold(all bool) error {
	c.documents = map[*state]map[string]document{c.before: {}, c.after: {}}
	var rest []func() error
	for _, key := range slices.Sorted(maps.Keys(c.after.validators)) {
		was, had := c.before.validators[key]
		is, err := c.rule(c.after.validators[key])
		if err != nil { // of an older server
			c.tell(is, "", errs.From(err).Places, false)
			continue
		}
		fresh := !had || !sameRule(was, is.ValidatorCreate)
		now, later := c.targets(is, fresh)
		if err := c.try(is, now, had, fresh); err != nil {
			return err
		}
		rest = append(rest, func() error { return c.report(is, later) })
	}
	for _, report := range rest {
		if !all {
			break
		}
		if err := report(); err != nil {
			return err
		}
	}
	return nil
}

// sameRule reports whether two validators find the same.
func sameRule(a, b model.ValidatorCreate) bool {
	return a.On == b.On && a.Mode == b.Mode && doc.Equal(a.Schema, b.Schema) && alike(a.Match, b.Match)
}

// targets are the keys of what a rule is held against because it changes, or the rule
// does, and of the rest.
func (c *court) targets(r rule, fresh bool) (now, later []string) {
	var all []string
	touched := c.reached
	switch r.On {
	case model.ValidatorTargetManifest:
		all, touched = slices.Sorted(maps.Keys(c.after.manifests)), c.touched.manifests
	case model.ValidatorTargetProfile:
		all, touched = slices.Sorted(maps.Keys(c.after.profiles)), c.touched.profiles
	case model.ValidatorTargetPacket:
		all = slices.Sorted(maps.Keys(c.after.active))
	}
	for _, key := range all {
		switch {
		case r.keys != nil && !bootstrap.MatchAny(r.keys, key):
		case fresh || touched[key]:
			now = append(now, key)
		default:
			later = append(later, key)
		}
	}
	return now, later
}

// try holds a rule against what changes.
func (c *court) try(r rule, keys []string, had, fresh bool) error {
	accepts := r.Mode == model.ValidatorModeWarn || fresh && r.AcceptPresent
	seen := map[string]bool{}
	for _, key := range keys {
		name := c.name(c.after, r.On, key)
		alike := name
		if !accepts {
			alike += "\x00" + c.name(c.before, r.On, key)
		}
		if seen[alike] {
			continue
		}
		seen[alike] = true
		places, err := c.check(r, c.after, name, key)
		if errors.Is(err, errSpent) {
			c.tell(r, key, []errs.Place{{Detail: unchecked}}, !accepts)
			return nil
		}
		if err != nil {
			return err
		}
		if len(places) == 0 {
			continue
		}
		if accepts || !had {
			c.tell(r, key, places, !accepts)
			continue
		}
		old, err := c.former(r, key)
		if err != nil {
			return err
		}
		for _, p := range places {
			c.tell(r, key, []errs.Place{p}, !slices.Contains(old, p))
		}
	}
	return nil
}

var unchecked = fmt.Sprintf("is not checked, nor what follows: the checks of one write end after %d steps", maxSteps)

// former is what the validator denied before, of the same resource as it was.
func (c *court) former(r rule, key string) ([]errs.Place, error) {
	was, err := c.rule(c.before.validators[r.ValidatorKey])
	if err != nil || was.Mode != model.ValidatorModeDeny || was.On != r.On {
		return nil, nil //nolint:nilerr // it denied nothing, or of another kind
	}
	if was.keys != nil && !bootstrap.MatchAny(was.keys, key) {
		return nil, nil
	}
	places, err := c.check(was, c.before, c.name(c.before, was.On, key), key)
	if errors.Is(err, errSpent) {
		return nil, nil
	}
	return places, err
}

// report tells what a rule finds in what stays as it is.
func (c *court) report(r rule, keys []string) error {
	seen := map[string]bool{}
	for _, key := range keys {
		name := c.name(c.after, r.On, key)
		if seen[name] {
			continue
		}
		seen[name] = true
		places, err := c.check(r, c.after, name, key)
		if errors.Is(err, errSpent) {
			c.tell(r, key, []errs.Place{{Detail: unchecked}}, false)
			return nil
		}
		if err != nil {
			return err
		}
		c.tell(r, key, places, false)
	}
	return nil
}

// name is the same for resources that are alike: packets of the same world.
func (c *court) name(s *state, on model.ValidatorTarget, key string) string {
	if on != model.ValidatorTargetPacket {
		return string(on) + "/" + key
	}
	b, bound := s.active[key]
	if !bound || s.principals[key].Status != model.PrincipalStatusActive {
		return ""
	}
	return "packet/" + b.Profile + "\x00" + b.Manifest + "\x00" + string(b.Overrides)
}

func (c *court) check(r rule, s *state, name, key string) ([]errs.Place, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	d, known := c.documents[s][name]
	if !known {
		text, err := textOf(s, r.On, name, key)
		if err != nil {
			return nil, err
		}
		d.absent = text == nil
		if !d.absent {
			if d.Document, err = validation.Read(text); err != nil {
				return nil, err
			}
			c.steps += len(text) / 64 // reading it
		}
		c.documents[s][name] = d
	}
	if d.absent {
		return nil, nil
	}
	if c.steps > maxSteps {
		return nil, errSpent
	}
	places, steps := r.schema.Check(d.Document)
	c.steps += steps
	return places, nil
}

// textOf is what a rule is held against; nil is nothing.
func textOf(s *state, on model.ValidatorTarget, name, key string) ([]byte, error) {
	switch on {
	case model.ValidatorTargetManifest:
		m, ok := s.manifests[key]
		if m.Version = 0; !ok {
			return nil, nil
		}
		return json.Marshal(m.ManifestCreate)
	case model.ValidatorTargetProfile:
		p, ok := s.profiles[key]
		if !ok {
			return nil, nil
		}
		return json.Marshal(p)
	}
	if name == "" {
		return nil, nil
	}
	w, err := s.world(key)
	if err != nil {
		return nil, nil //nolint:nilerr // a refusal is no packet
	}
	members, err := bootstrap.Compose(w)
	if err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

func (c *court) tell(r rule, key string, places []errs.Place, denied bool) {
	list := &c.warned
	if denied {
		list = &c.denied
	}
	for _, p := range places {
		if len(*list) > errs.MaxPlaces { // one more: to know that there are
			return
		}
		*list = append(*list, model.ValidatorFinding{
			ValidatorKey: r.ValidatorKey, ResourceType: r.On, ResourceKey: key, Pointer: p.Pointer, Detail: p.Detail,
		})
	}
}

// warnings are as many as an answer may have; the last says that there are more.
func (c *court) warnings() []model.ValidatorFinding {
	if len(c.warned) <= errs.MaxPlaces {
		return append([]model.ValidatorFinding{}, c.warned...)
	}
	out := slices.Clone(c.warned[:errs.MaxPlaces])
	out[errs.MaxPlaces-1].Pointer, out[errs.MaxPlaces-1].Detail = "", "there may be more: the list ends here"
	return out
}
