package world

import (
	"context"
	"fmt"
	maps "maps"
	"slices"
	"strconv"
	"strings"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// judge holds a plan against the validators that there will be: what they deny is wrong
// with the document, and what they warn of is told. With all they also tell what they find
// in what the plan leaves as it is.
func (s *Service) judge(ctx context.Context, p *plan, all bool) error {
	c := court{ctx: ctx, schemas: &s.Admin.Schemas, before: p.before, after: p.after, touched: p.touched, reached: p.reach()}
	if err := c.hold(all); err != nil {
		return err
	}
	p.warnings = c.warnings()
	p.fail("", refusal(c.denied, p.after, p.at))
	return nil
}

// Judge implements admin.Judge.
func (s *Service) Judge(ctx context.Context, q store.Queries, tenant string, revision int64, changes []admin.Change) (found []model.ValidatorFinding, err error) {
	c := court{ctx: ctx, schemas: &s.Admin.Schemas, touched: newTouched()}
	var before, after *rows
	if q != nil { // it sees what the write has made
		if after, err = readRows(ctx, q, tenant, false); err == nil {
			before = after.undo(changes)
		}
	} else if before, err = s.read(ctx, tenant, false); err == nil {
		if before.revision != revision {
			return nil, admin.ErrMoved
		}
		after = before.redo(changes)
	}
	if err != nil {
		return nil, err
	}
	c.before, c.after = before.state(), after.state()
	at := map[string]string{}
	for _, change := range changes {
		c.touched.add(change.Before, before)
		c.touched.add(change.After, after)
		switch v := change.After.(type) {
		case model.Manifest:
			at["manifest/"+v.ManifestKey] = ""
		case model.Profile:
			at["profile/"+v.ProfileKey] = ""
		}
	}
	c.reached = c.touched.reach(c.before, c.after)
	if err := c.hold(false); err != nil {
		return nil, err
	}
	return c.warnings(), refusal(c.denied, c.after, at)
}

// add notes what a change touches; r has it.
func (t touched) add(v any, r *rows) {
	switch v := v.(type) {
	case model.Manifest:
		t.manifests[v.ManifestKey] = true
	case model.Profile:
		t.profiles[v.ProfileKey] = true
	case model.Principal:
		t.principals[v.PrincipalKey] = true
	case model.SecretRef:
		t.secretRefs[v.SecretKey] = true
	case model.Binding:
		for key, p := range r.principals {
			if p.ID == v.PrincipalID {
				t.principals[key] = true
			}
		}
	}
}

// refusal names what is denied by its place: in the document where it stands there, by
// its name elsewhere. Nil is nothing.
func refusal(denied []model.ValidatorFinding, after *state, at map[string]string) error {
	if len(denied) == 0 {
		return nil
	}
	by := map[string]bool{}
	places := make([]errs.Place, len(denied))
	for i, d := range denied {
		by[d.ValidatorKey] = true
		who := fmt.Sprintf("validator %q", d.ValidatorKey)
		if text := after.validators[d.ValidatorKey].Description; text != "" {
			who += " (" + text + ")"
		}
		name := string(d.ResourceType) + "/" + d.ResourceKey
		if prefix, ok := at[name]; ok && d.ResourceType != model.ValidatorTargetPacket {
			places[i] = errs.Place{Pointer: prefix + d.Pointer, Detail: who + ": " + d.Detail}
			continue
		}
		where, ok := at[name]
		if !ok {
			where = at["validator/"+d.ValidatorKey]
		}
		places[i] = errs.Place{Pointer: where, Detail: who + ": " + described(d) + ": " + d.Detail}
	}
	message := "validators deny it"
	if len(by) == 1 {
		message = fmt.Sprintf("validator %q denies it", denied[0].ValidatorKey)
	}
	return errs.At(errs.ValidatorDenied, message, places...)
}

// maxWarnings is how many warnings stand in a header.
const maxWarnings = 10

// Warnings are what validators warn of, each as a line of ASCII.
func Warnings(found []model.ValidatorFinding) (lines []string) {
	for i, f := range found {
		if i == maxWarnings {
			return append(lines, fmt.Sprintf("%d more", len(found)-i))
		}
		line := strconv.QuoteToASCII(fmt.Sprintf("validator %q: %s: %s", f.ValidatorKey, described(f), f.Detail))
		lines = append(lines, strings.ReplaceAll(line[1:len(line)-1], `\"`, `"`))
	}
	return lines
}

// described is a finding's resource and the place in it.
func described(f model.ValidatorFinding) string {
	what := fmt.Sprintf("%s %q", f.ResourceType, f.ResourceKey)
	if f.ResourceType == model.ValidatorTargetPacket {
		what = fmt.Sprintf("the packet of %q", f.ResourceKey)
	}
	if f.Pointer != "" {
		what += " at " + f.Pointer
	}
	return what
}

// redo and undo are the world after changes, and before them.
func (r *rows) redo(changes []admin.Change) *rows {
	out := r.clone()
	for _, c := range changes {
		out.swap(c.Before, c.After)
	}
	return out
}

func (r *rows) undo(changes []admin.Change) *rows {
	out := r.clone()
	for _, c := range slices.Backward(changes) {
		out.swap(c.After, c.Before)
	}
	return out
}

func (r *rows) clone() *rows {
	return &rows{
		tenant: r.tenant, revision: r.revision, bindings: slices.Clone(r.bindings), secretRefs: maps.Clone(r.secretRefs), profiles: maps.Clone(r.profiles),
		manifests: maps.Clone(r.manifests), principals: maps.Clone(r.principals), validators: maps.Clone(r.validators),
	}
}

func (r *rows) swap(was, is any) {
	swap(r.principals, was, is, func(v model.Principal) string { return v.PrincipalKey }, admin.PrincipalRow)
	swap(r.profiles, was, is, func(v model.Profile) string { return v.ProfileKey }, admin.ProfileRow)
	swap(r.manifests, was, is, func(v model.Manifest) string { return v.ManifestKey }, admin.ManifestRow)
	swap(r.secretRefs, was, is, func(v model.SecretRef) string { return v.SecretKey }, admin.SecretRefRow)
	swap(r.validators, was, is, func(v model.Validator) string { return v.ValidatorKey }, admin.ValidatorRow)
	if v, ok := was.(model.Binding); ok {
		r.bindings = slices.DeleteFunc(r.bindings, func(b store.Binding) bool { return b.ID == v.ID })
	}
	if v, ok := is.(model.Binding); ok {
		r.bindings = append(r.bindings, admin.BindingRow(v))
	}
}

func swap[V, R any](rows map[string]R, was, is any, key func(V) string, row func(V) R) {
	if v, ok := was.(V); ok {
		delete(rows, key(v))
	}
	if v, ok := is.(V); ok {
		rows[key(v)] = row(v)
	}
}
