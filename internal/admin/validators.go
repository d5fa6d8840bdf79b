package admin

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// Validators say what manifests, profiles and packets have to be like. What they are held
// against, and when, is Service.Judge's.
var Validators = &Kind[store.Validator, model.ValidatorCreate, model.Validator]{
	typ: model.ResourceTypeValidator, noun: "validator",
	ident: func(r store.Validator) resource {
		return resource{r.ID, r.TenantKey, r.ValidatorKey, r.UpdatedAt, uuid.Nil}
	},
	doc: func(r store.Validator) model.ValidatorCreate {
		return model.ValidatorCreate{
			ValidatorKey: r.ValidatorKey, Description: r.Description, On: model.ValidatorTarget(r.Target), Match: raw(r.AppliesTo),
			Mode: model.ValidatorMode(r.Mode), AcceptPresent: r.AcceptPresent, Schema: raw(r.Document),
		}
	},
	view: ValidatorView,
	get: func(ctx context.Context, q store.Queries, id uuid.UUID) (store.Validator, error) {
		return q.GetValidator(ctx, id)
	},
	getByKey: func(ctx context.Context, q store.Queries, tenant, key string) (store.Validator, error) {
		return q.GetValidatorByKey(ctx, store.GetValidatorByKeyParams{TenantKey: tenant, ValidatorKey: key})
	},
	prepare: func(_ context.Context, w Write, c *model.ValidatorCreate) error {
		c.Mode = cmp.Or(c.Mode, model.ValidatorModeDeny)
		return errs.Merge(w.schema(c), checkMatch(&c.Match))
	},
	create: func(ctx context.Context, w Write, c model.ValidatorCreate) (store.Validator, error) {
		return w.CreateValidator(ctx, store.CreateValidatorParams{
			ID: store.NewID(w.now), TenantKey: w.tenant, CreatedAt: w.now, UpdatedAt: w.now,
			ValidatorKey: c.ValidatorKey, Description: c.Description, Target: string(c.On), AppliesTo: store.JSON(c.Match),
			Mode: string(c.Mode), AcceptPresent: c.AcceptPresent, Document: store.JSON(c.Schema),
		})
	},
	update: func(ctx context.Context, w Write, r store.Validator, c model.ValidatorCreate) (store.Validator, error) {
		r.ValidatorKey, r.Description, r.Target, r.AppliesTo = c.ValidatorKey, c.Description, string(c.On), store.JSON(c.Match)
		r.Mode, r.AcceptPresent, r.Document, r.UpdatedAt = string(c.Mode), c.AcceptPresent, store.JSON(c.Schema), w.now
		_, err := w.UpdateValidator(ctx, store.UpdateValidatorParams{
			ID: r.ID, UpdatedAt: r.UpdatedAt,
			ValidatorKey: r.ValidatorKey, Description: r.Description, Target: r.Target, AppliesTo: r.AppliesTo,
			Mode: r.Mode, AcceptPresent: r.AcceptPresent, Document: r.Document,
		})
		return r, err
	},
	remove: func(ctx context.Context, w Write, r store.Validator) error { return w.DeleteValidator(ctx, r.ID) },
}

// schema brings a validator's schema to one spelling, and compiles it.
func (w Write) schema(c *model.ValidatorCreate) error {
	if c.Schema = doc.Compact(c.Schema); len(c.Schema) == 0 || c.Schema[0] != '{' {
		return badMember(nil, "/schema", "must be an object")
	}
	_, err := w.Schemas.Compile(c.Schema, "/schema")
	return err
}

// checkMatch brings it to one spelling: absent where it says nothing.
func checkMatch(match *model.ValidatorMatch) error {
	if *match = doc.Compact(*match); len(*match) == 0 || string(*match) == "{}" || string(*match) == "null" {
		*match = nil
		return nil
	}
	if _, err := Keys(*match); err != nil {
		return badMember(nil, "/match", "must be an object with keys, a list of keys or patterns with *")
	}
	return nil
}

// Keys are the patterns of a validator's match; none is any.
func Keys(match []byte) ([]string, error) {
	var m struct {
		Keys []string `json:"keys"`
	}
	if len(match) == 0 {
		return nil, nil
	}
	err := json.Unmarshal(match, &m)
	return m.Keys, err
}

// ValidatorView is what a caller sees of a row.
func ValidatorView(r store.Validator) model.Validator {
	return model.Validator{
		ID: r.ID, TenantKey: r.TenantKey, ValidatorKey: r.ValidatorKey, Description: r.Description,
		On: model.ValidatorTarget(r.Target), Match: raw(r.AppliesTo), Mode: model.ValidatorMode(r.Mode), AcceptPresent: r.AcceptPresent,
		Schema: raw(r.Document), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// ValidatorRow is the row that a view is of.
func ValidatorRow(v model.Validator) store.Validator {
	return store.Validator{
		ID: v.ID, TenantKey: v.TenantKey, ValidatorKey: v.ValidatorKey, Description: v.Description,
		Target: string(v.On), AppliesTo: store.JSON(v.Match), Mode: string(v.Mode), AcceptPresent: v.AcceptPresent,
		Document: store.JSON(v.Schema), CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
	}
}
