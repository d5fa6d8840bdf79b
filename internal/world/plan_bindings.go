package world

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// bindings plans a document's bindings. A binding has no key: one that names the
// same principal, profile and manifest is the same, and an active one without
// such a match takes the place of the principal's active one.
func (p *plan) bindings(in Apply, r *rows, kept map[uuid.UUID]bool) {
	named := r.named()
	active := map[string]int{}
	docs := append([]model.WorldBinding(nil), in.World.Bindings...)
	for i := range docs {
		d, at := &docs[i], fmt.Sprintf("/bindings/%d", i)
		if d.Active == nil {
			d.Active = new(true)
		}
		p.fail(at, admin.CheckExpected(&d.Expected, &d.Labels))
		if in.Past == nil || !in.Past.only { // what was written was checked then
			p.fail(at, admin.CheckOverrides(&d.Overrides))
		}
		p.refer(at, *d)
		if first, twice := active[d.Principal]; twice && *d.Active {
			p.fail(at, errs.New(errs.InvalidRequest, "principal %q has an active binding at /bindings/%d already", d.Principal, first))
		} else if *d.Active {
			active[d.Principal], p.at["packet/"+d.Principal] = i, at
		}
	}
	match := matchBindings(docs, named, !in.Describes)
	matched := map[int]bool{}
	for _, m := range match {
		matched[m] = true
	}
	for m, was := range named { // before the writes: they set the state after
		_, replaced := active[was.Principal]
		switch {
		case matched[m] || r.principals[was.Principal].ID == uuid.Nil:
		case in.Prune && !kept[r.bindings[m].ID]:
			p.unbind(r.bindings[m], was)
		case *was.Active && replaced:
			row := r.bindings[m]
			p.note(model.PlanActionUpdate, model.ResourceTypeBinding, bindingName(was), was, inactive(was), phaseWrite, func(ctx context.Context, w admin.Write) error {
				return w.Of(was.Principal).Deactivate(ctx, row)
			})
		}
	}
	for _, wantActive := range []bool{false, true} { // one is deactivated before another takes its place
		for i, d := range docs {
			m, found := match[i]
			switch {
			case *d.Active != wantActive:
			case found:
				if in.Describes {
					d.Overrides, d.Expected, d.Labels = named[m].Overrides, named[m].Expected, named[m].Labels
				}
				p.rebind(r.bindings[m], named[m], d)
			default:
				p.bind(d)
			}
		}
	}
}

// matchBindings pairs documents with stored bindings, by their indexes. With rewrite
// a principal's active binding is one that may become another.
func matchBindings(docs, stored []model.WorldBinding, rewrite bool) map[int]int {
	type triple struct{ principal, profile, manifest string }
	same := map[triple][]int{}
	current := map[string]int{}
	for m, b := range stored {
		t := triple{b.Principal, b.Profile, b.Manifest}
		if *b.Active {
			current[b.Principal] = m
			same[t] = append([]int{m}, same[t]...) // an active one is the better match
		} else {
			same[t] = append(same[t], m)
		}
	}
	match, taken := map[int]int{}, map[int]bool{}
	for _, wantActive := range []bool{true, false} { // active documents choose first
		for i, d := range docs {
			t := triple{d.Principal, d.Profile, d.Manifest}
			if *d.Active == wantActive && len(same[t]) > 0 {
				match[i], same[t] = same[t][0], same[t][1:]
				taken[match[i]] = true
			}
		}
	}
	for i, d := range docs {
		m, ok := current[d.Principal]
		ok = ok && rewrite
		if _, done := match[i]; !done && *d.Active && ok && !taken[m] {
			match[i], taken[m] = m, true
		}
	}
	return match
}

// refer checks that what a binding names will exist.
func (p *plan) refer(at string, d model.WorldBinding) {
	missing := func(member, noun, key string, exists bool) {
		if !exists {
			p.fail(at+"/"+member, errs.New(errs.InvalidReference, "no such %s: %q", noun, key))
		}
	}
	_, ok := p.after.principals[d.Principal]
	missing("principal", "principal", d.Principal, ok)
	_, ok = p.after.profiles[d.Profile]
	missing("profile", "profile", d.Profile, ok)
	_, ok = p.after.manifests[d.Manifest]
	missing("manifest", "manifest", d.Manifest, ok)
}

func (p *plan) bind(d model.WorldBinding) {
	p.activate(d)
	p.note(model.PlanActionCreate, model.ResourceTypeBinding, bindingName(d), nil, d, phaseWrite, func(ctx context.Context, w admin.Write) error {
		row, err := w.Of(d.Principal).PlaceBinding(ctx, p.byIDs(d))
		p.ids["binding/"+bindingName(d)] = row.ID
		return err
	})
}

func (p *plan) rebind(row store.Binding, was, d model.WorldBinding) {
	p.ids["binding/"+bindingName(d)] = row.ID
	if was.Profile == d.Profile && was.Manifest == d.Manifest && *was.Active == *d.Active && alike(was.Overrides, d.Overrides) &&
		alike(was.Expected, d.Expected) && alike(was.Labels, d.Labels) {
		p.note(model.PlanActionUnchanged, model.ResourceTypeBinding, bindingName(d), nil, nil, phaseWrite, nil)
		return
	}
	if *was.Active {
		p.deactivate(was)
	}
	p.activate(d)
	p.note(model.PlanActionUpdate, model.ResourceTypeBinding, bindingName(d), was, d, phaseWrite, func(ctx context.Context, w admin.Write) error {
		return w.Of(d.Principal).ReplaceBinding(ctx, row, p.byIDs(d))
	})
}

// alike is Equal for documents that may be absent.
func alike(a, b json.RawMessage) bool {
	return bytes.Equal(a, b) || len(a) > 0 && len(b) > 0 && doc.Equal(a, b)
}

func (p *plan) unbind(row store.Binding, was model.WorldBinding) {
	if row.Active {
		p.deactivate(was)
	}
	p.note(model.PlanActionDelete, model.ResourceTypeBinding, bindingName(was), was, nil, phaseFree, func(ctx context.Context, w admin.Write) error {
		return admin.Bindings.Remove(ctx, w.Of(was.Principal), row)
	})
}

func (p *plan) activate(d model.WorldBinding) {
	if *d.Active {
		p.after.active[d.Principal] = d
		p.touched.principals[d.Principal] = true
	}
}

func (p *plan) deactivate(d model.WorldBinding) {
	delete(p.after.active, d.Principal)
	p.touched.principals[d.Principal] = true
}

// byIDs is a binding by ids, known once what it refers to is created.
func (p *plan) byIDs(d model.WorldBinding) model.BindingCreate {
	return model.BindingCreate{
		PrincipalID: p.ids["principal/"+d.Principal].String(), ProfileID: p.ids["profile/"+d.Profile].String(), ManifestID: p.ids["manifest/"+d.Manifest].String(),
		Overrides: d.Overrides, Expected: d.Expected, Labels: d.Labels, Active: d.Active,
	}
}

func inactive(b model.WorldBinding) model.WorldBinding {
	b.Active = new(false)
	return b
}
