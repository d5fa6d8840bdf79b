package world

import (
	"context"
	"encoding/json"
	"fmt"
	maps "maps"
	"slices"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// plan is what an apply would do, and what it would find and leave.
type plan struct {
	changes       []model.PlanChange
	steps         [phases][]step // of those changes that change something
	before, after *state
	errs          []error
	ids           map[string]uuid.UUID // what bindings refer to, by "principal/key"; grows while steps run
	tenant        string
	revision      int64
	touched       touched
	disabled      []string          // of a rollback: who was active then, and won't be
	at            map[string]string // where a resource stands in the document, by "manifest/key"; of a binding its principal's key
	warnings      []model.ValidatorFinding
}

type step = func(context.Context, admin.Write) error

// The phases in which steps run: what is pruned frees its auth_subject before
// another takes it, and a profile goes after the last binding left it.
const (
	phaseFree = iota
	phaseWrite
	phaseSweep
	phases
)

func (p *plan) empty() bool {
	return len(p.steps[phaseFree])+len(p.steps[phaseWrite])+len(p.steps[phaseSweep]) == 0
}

// run writes what the plan changes; one that changes nothing is rolled back.
func (p *plan) run(ctx context.Context, w admin.Write) error {
	if p.empty() {
		return admin.ErrUnchanged
	}
	for _, steps := range p.steps {
		for _, step := range steps {
			if err := step(ctx, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// answer is the plan as the API tells it, without packets.
func (p *plan) answer(in Apply) model.Plan {
	return model.Plan{TenantKey: p.tenant, DryRun: in.DryRun, Summary: p.summary(), Changes: p.changes, Packets: []model.PacketChange{}, Deadlines: []model.DeadlineChange{}, Disabled: p.disabled, Warnings: p.warnings}
}

// touched is what the plan changes, to know whose packets to compare.
type touched struct {
	secretRefs, profiles, manifests, principals map[string]bool // by key; a binding touches its principal
}

func newTouched() touched {
	return touched{secretRefs: map[string]bool{}, profiles: map[string]bool{}, manifests: map[string]bool{}, principals: map[string]bool{}}
}

// note puts one resource into the plan.
func (p *plan) note(action model.PlanAction, typ model.ResourceType, key string, before, after any, phase int, run step) {
	if p.errs != nil {
		return // it will be refused: nobody reads on
	}
	change := model.PlanChange{Action: action, ResourceType: typ, ResourceKey: key, Diff: []model.FieldChange{}}
	for _, d := range doc.Diff(objectOf(before), objectOf(after)) {
		change.Diff = append(change.Diff, model.FieldChange{
			Pointer: string(d.Pointer), Before: fieldValue(d.Before), After: fieldValue(d.After),
		})
	}
	p.changes = append(p.changes, change)
	if run != nil {
		p.steps[phase] = append(p.steps[phase], run)
	}
}

// fieldValue is absent where there is none, which JSON's null isn't.
func fieldValue(v []byte) nullable.Nullable[json.RawMessage] {
	if v == nil {
		return nil
	}
	return nullable.NewNullableWithValue(json.RawMessage(v))
}

// objectOf is {} where there is no resource, so that a create lists its fields.
func objectOf(doc any) []byte {
	if doc == nil {
		return []byte("{}")
	}
	b, _ := json.Marshal(doc) // of checked documents: can't fail
	return b
}

// fail keeps what is wrong: few errors of however many, since one lists so many places only.
func (p *plan) fail(at string, err error) {
	if err == nil {
		return
	}
	if p.errs = append(p.errs, errs.Under(at, err)); len(p.errs) > 2*errs.MaxPlaces {
		p.errs = []error{errs.Merge(p.errs...)}
	}
}

// resources is one list of a world document beside what is stored.
type resources[R, C, V any] struct {
	kind   *admin.Kind[R, C, V]
	list   string // its member in the document
	docs   []C
	key    func(C) string
	tenant func(*C) *string
	stored map[string]R
	set    func(key string, doc *C, version int64) // keeps the state after; nil is gone
	keep   func(R) bool                            // never pruned
	gone   int                                     // the phase in which it is pruned
	asIs   bool                                    // documents are compared by no rule
	once   func(*C)                                // drops what counts at the creation alone; nil is nothing
}

// into plans the creates, updates and deletes of one list.
func (r resources[R, C, V]) into(ctx context.Context, p *plan, w admin.Write, prune bool) {
	seen := map[string]int{}
	for i := range r.docs {
		doc, at := r.docs[i], fmt.Sprintf("/%s/%d", r.list, i)
		key := r.key(doc)
		if first, twice := seen[key]; twice {
			p.fail(at, errs.New(errs.InvalidRequest, "%s %q is at /%s/%d already", r.kind.Noun(), key, r.list, first))
			continue
		}
		seen[key], p.at[string(r.kind.Type())+"/"+key] = i, at
		if t := r.tenant(&doc); *t != "" && *t != p.tenant {
			p.fail(at+"/tenant_key", errs.New(errs.InvalidRequest, "a document is one tenant's: this is %s", p.tenant))
		} else {
			*t = ""
		}
		if err := r.prepare(ctx, w, &doc); err != nil {
			p.fail(at, err)
			r.set(key, &doc, 1) // it is there, for what refers to it
			continue
		}
		if _, exists := r.stored[key]; exists && r.once != nil {
			r.once(&doc)
		}
		r.one(p, key, doc)
	}
	for _, key := range slices.Sorted(maps.Keys(r.stored)) {
		if _, named := seen[key]; prune && !named && !r.keep(r.stored[key]) {
			r.delete(p, key)
		}
	}
}

func (r resources[R, C, V]) prepare(ctx context.Context, w admin.Write, doc *C) error {
	if r.asIs {
		return nil
	}
	return r.kind.Prepare(ctx, w, doc)
}

func (r resources[R, C, V]) one(p *plan, key string, doc C) {
	k := r.kind
	row, exists := r.stored[key]
	switch {
	case !exists:
		r.set(key, &doc, 1)
		p.note(model.PlanActionCreate, k.Type(), key, nil, doc, phaseWrite, func(ctx context.Context, w admin.Write) error {
			created, err := k.Insert(ctx, w, doc)
			p.ids[string(k.Type())+"/"+key] = k.ID(created)
			return err
		})
	case admin.Same(k.Doc(row), doc):
		p.note(model.PlanActionUnchanged, k.Type(), key, nil, nil, phaseWrite, nil)
	default:
		r.set(key, &doc, versionOf(row)+1)
		p.note(model.PlanActionUpdate, k.Type(), key, k.Doc(row), doc, phaseWrite, func(ctx context.Context, w admin.Write) error {
			_, err := k.Replace(ctx, w, row, doc)
			return err
		})
	}
}

func (r resources[R, C, V]) delete(p *plan, key string) {
	k, row := r.kind, r.stored[key]
	r.set(key, nil, 0)
	p.note(model.PlanActionDelete, k.Type(), key, k.Doc(row), nil, r.gone, func(ctx context.Context, w admin.Write) error {
		return k.Remove(ctx, w, row)
	})
}

// versionOf is a manifest's version; the other kinds have none.
func versionOf(row any) int64 {
	m, _ := row.(store.Manifest)
	return m.Version
}

func (p *plan) summary() model.PlanSummary {
	var s model.PlanSummary
	for _, c := range p.changes {
		switch c.Action {
		case model.PlanActionCreate:
			s.Create++
		case model.PlanActionUpdate:
			s.Update++
		case model.PlanActionDelete:
			s.Delete++
		case model.PlanActionUnchanged:
			s.Unchanged++
		}
	}
	return s
}

// subjects finds auth_subjects that two principals would hold.
func (p *plan) subjects(docs []model.PrincipalCreate, foreign []string) {
	holders, taken := map[string][]string{}, map[string]bool{}
	for _, subject := range foreign {
		taken[subject] = true
	}
	for _, key := range slices.Sorted(maps.Keys(p.after.principals)) {
		subject := p.after.principals[key].AuthSubject
		holders[subject] = append(holders[subject], key)
	}
	for i, d := range docs {
		at := fmt.Sprintf("/principals/%d/auth_subject", i)
		if taken[d.AuthSubject] {
			p.fail(at, errs.New(errs.AlreadyExists, "another tenant's principal has this auth_subject"))
		}
		for _, other := range holders[d.AuthSubject] {
			if other != d.PrincipalKey {
				p.fail(at, errs.New(errs.AlreadyExists, "principal %q has this auth_subject too", other))
				break
			}
		}
	}
}

// park frees the auth_subjects that principals of the plan pass on among
// themselves, so that no order of the updates finds one taken.
func (p *plan) park(stored map[string]store.Principal) {
	passed := map[string]bool{}
	for key, d := range p.after.principals {
		passed[d.AuthSubject] = passed[d.AuthSubject] || stored[key].AuthSubject != d.AuthSubject
	}
	for _, key := range slices.Sorted(maps.Keys(stored)) {
		row := stored[key]
		if d, stays := p.after.principals[key]; !stays || d.AuthSubject == row.AuthSubject || !passed[row.AuthSubject] {
			continue
		}
		p.steps[phaseFree] = append(p.steps[phaseFree], func(ctx context.Context, w admin.Write) error {
			_, err := w.UpdatePrincipal(ctx, store.UpdatePrincipalParams{
				ID: row.ID, PrincipalKey: row.PrincipalKey, AuthSubject: row.ID.String(),
				PrincipalType: row.PrincipalType, Status: row.Status, UpdatedAt: row.UpdatedAt,
			})
			return admin.Principals.Conflict(err)
		})
	}
}
