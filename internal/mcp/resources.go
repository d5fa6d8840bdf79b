package mcp

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// resource is a kind of admin's as a tool.
type resource[R, C, V any] struct {
	kind      *admin.Kind[R, C, V]
	one, many string // in the names of arguments and results
	tenant    func(C) string
	list      func(context.Context, store.Queries, filter) ([]R, error)
}

// filter is which rows: of a tenant, with a key, a page of them. Nil is any.
type filter struct {
	tenant, key *string
	after       uuid.UUID
	most        int64 // one more than a page: to know whether there is another
}

// defaultLimit is REST's.
const defaultLimit = 100

func (c *call) filter(tenant string, limit int64, cursor string) (f filter, err error) {
	f = filter{tenant: c.caller.Scope(), most: cmp.Or(limit, defaultLimit) + 1}
	if cursor != "" {
		if f.after, err = uuid.Parse(cursor); err != nil {
			return f, errs.At(errs.InvalidRequest, "take cursor from the page before", errs.Place{Pointer: "/cursor", Detail: "no next_cursor"})
		}
	}
	if tenant != "" {
		f.tenant = &tenant
		if !c.caller.Sees(tenant) {
			return f, errs.New(errs.Forbidden, "tenant %q is not yours (ADMIN_ALLOW_CROSS_TENANT)", tenant)
		}
	}
	return f, nil
}

var principals = resource[store.Principal, model.PrincipalCreate, model.Principal]{
	admin.Principals, "principal", "principals", func(c model.PrincipalCreate) string { return c.TenantKey },
	func(ctx context.Context, q store.Queries, f filter) ([]store.Principal, error) {
		return q.ListPrincipals(ctx, store.ListPrincipalsParams{TenantKey: f.tenant, PrincipalKey: f.key, After: f.after, RowLimit: f.most})
	},
}

var profiles = resource[store.Profile, model.ProfileCreate, model.Profile]{
	admin.Profiles, "profile", "profiles", func(c model.ProfileCreate) string { return c.TenantKey },
	func(ctx context.Context, q store.Queries, f filter) ([]store.Profile, error) {
		return q.ListProfiles(ctx, store.ListProfilesParams{TenantKey: f.tenant, ProfileKey: f.key, After: f.after, RowLimit: f.most})
	},
}

var manifests = resource[store.Manifest, model.ManifestCreate, model.Manifest]{
	admin.Manifests, "manifest", "manifests", func(c model.ManifestCreate) string { return c.TenantKey },
	func(ctx context.Context, q store.Queries, f filter) ([]store.Manifest, error) {
		return q.ListManifests(ctx, store.ListManifestsParams{TenantKey: f.tenant, ManifestKey: f.key, After: f.after, RowLimit: f.most})
	},
}

var bindings = resource[store.Binding, model.BindingCreate, model.Binding]{
	admin.Bindings, "binding", "bindings", func(c model.BindingCreate) string { return c.TenantKey },
	func(ctx context.Context, q store.Queries, f filter) ([]store.Binding, error) {
		if f.key != nil { // which a binding hasn't
			return nil, nil
		}
		return q.ListBindings(ctx, store.ListBindingsParams{TenantKey: f.tenant, After: f.after, RowLimit: f.most})
	},
}

var secretRefs = resource[store.SecretRef, model.SecretRefCreate, model.SecretRef]{
	admin.SecretRefs, "secret_ref", "secret_refs", func(c model.SecretRefCreate) string { return c.TenantKey },
	func(ctx context.Context, q store.Queries, f filter) ([]store.SecretRef, error) {
		return q.ListSecretRefs(ctx, store.ListSecretRefsParams{TenantKey: f.tenant, SecretKey: f.key, After: f.after, RowLimit: f.most})
	},
}

var validators = resource[store.Validator, model.ValidatorCreate, model.Validator]{
	admin.Validators, "validator", "validators", func(c model.ValidatorCreate) string { return c.TenantKey },
	func(ctx context.Context, q store.Queries, f filter) ([]store.Validator, error) {
		return q.ListValidators(ctx, store.ListValidatorsParams{TenantKey: f.tenant, ValidatorKey: f.key, After: f.after, RowLimit: f.most})
	},
}

// asked are the arguments of such a tool. Others are members of what it creates.
type asked struct {
	Action    string                    `json:"action"`
	TenantKey string                    `json:"tenant_key"`
	Limit     int64                     `json:"limit"`
	Cursor    string                    `json:"cursor"`
	Data      map[string]jsontext.Value `json:"data"`
	Others    map[string]jsontext.Value `json:"-"`
}

func (r resource[R, C, V]) run(ctx context.Context, c *call) (any, error) {
	in, err := arguments[asked](ctx, c)
	if err != nil {
		return nil, err
	}
	_ = jsonv2.Unmarshal(c.Params.Arguments, &in.Others) // it is an object
	for _, own := range []string{"action", "tenant_key", "limit", "cursor", "data", "auth_token", "reason"} {
		delete(in.Others, own)
	}
	switch in.Action {
	case "create":
		return r.create(ctx, c, in)
	case "get", "delete":
		id, err := r.find(ctx, c, in)
		if err != nil {
			return nil, err
		}
		if in.Action == "delete" {
			return map[string]bool{"deleted": true}, r.kind.Delete(ctx, c.Admin, c.caller, id.String(), "")
		}
		view, _, err := r.kind.Get(ctx, c.Admin, c.caller, id.String())
		return view, err
	default: // the schema knows no other
		return r.page(ctx, c, in)
	}
}

// create makes what data says, or what stands beside action.
func (r resource[R, C, V]) create(ctx context.Context, c *call, in asked) (any, error) {
	members := in.Others
	for name, value := range in.Data {
		if beside, twice := members[name]; twice && !bytes.Equal(beside, value) {
			return nil, errs.At(errs.InvalidRequest, name+" is in data and beside it", errs.Place{Pointer: "/" + name, Detail: "is in data, too"})
		}
		members[name] = value
	}
	if _, told := members["ref_kind"]; r.kind.Type() == model.ResourceTypeSecretRef && !told {
		members["ref_kind"] = jsontext.Value(`"` + model.RefKindEnv + `"`)
	}
	body, err := c.tool.CheckCreate(object(members))
	if err != nil {
		return nil, err
	}
	var made C
	if err := doc.Decode(body, &made); err != nil {
		return nil, err
	}
	view, _, err := r.kind.Create(ctx, c.Admin, c.caller, cmp.Or(r.tenant(made), in.TenantKey), made)
	return view, err
}

// page is a list, and where it goes on.
func (r resource[R, C, V]) page(ctx context.Context, c *call, in asked) (any, error) {
	f, err := c.filter(in.TenantKey, in.Limit, in.Cursor)
	if err != nil {
		return nil, err
	}
	var key string
	if _ = json.Unmarshal(in.Others[r.one+"_key"], &key); key != "" {
		f.key = &key
	}
	rows, err := r.list(ctx, c.Store, f)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	if int64(len(rows)) == f.most {
		rows = rows[:f.most-1]
		out["next_cursor"] = r.kind.ID(rows[len(rows)-1])
	}
	views := make([]V, len(rows))
	for i, row := range rows {
		views[i] = r.kind.View(row)
	}
	out[r.many] = views
	return out, nil
}

// find is the id of what is asked for: by its id or its key, and an id may be a key,
// as InterroGate sends it.
func (r resource[R, C, V]) find(ctx context.Context, c *call, in asked) (uuid.UUID, error) {
	var named struct{ ID, Key string }
	_ = json.Unmarshal(in.Others[r.one+"_id"], &named.ID) // the schema says that they are texts
	_ = json.Unmarshal(in.Others[r.one+"_key"], &named.Key)
	if id, err := uuid.Parse(named.ID); err == nil {
		return id, nil
	}
	key := cmp.Or(named.ID, named.Key)
	if key == "" {
		return uuid.Nil, errs.At(errs.InvalidRequest, r.one+"_id is required", errs.Place{Pointer: "/" + r.one + "_id", Detail: "is required"})
	}
	f, err := c.filter(cmp.Or(in.TenantKey, c.caller.TenantKey), 1, "")
	if err != nil {
		return uuid.Nil, err
	}
	f.key = &key
	rows, err := r.list(ctx, c.Store, f)
	if err == nil && len(rows) == 0 {
		err = errs.New(errs.NotFound, "no such %s", r.kind.Noun())
	}
	if err != nil {
		return uuid.Nil, err
	}
	return r.kind.ID(rows[0]), nil
}
