package mcp

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

const (
	defaultKeyName = "mcp"
	shownOnce      = "This key is shown only now: keep it."
)

func instantiate(ctx context.Context, c *call) (any, error) {
	in, invalid := arguments[model.MCPProblemata](ctx, c)
	var said struct { // whatever else is wrong
		Spec       json.RawMessage `json:"spec"`
		Validation json.RawMessage `json:"validation"`
	}
	_ = jsonv2.Unmarshal(c.Params.Arguments, &said)
	in.Spec, in.Validation = said.Spec, said.Validation
	return c.World.Instantiate(ctx, c.caller, in, invalid)
}

func apiKeys(ctx context.Context, c *call) (any, error) {
	in, err := arguments[model.MCPAPIKeys](ctx, c)
	if err != nil {
		return nil, err
	}
	switch in.Action {
	case model.MCPAPIKeysActionIssue:
		return c.issueKey(ctx, in)
	case model.MCPAPIKeysActionRevoke:
		return c.revokeKey(ctx, in.APIKeyID)
	default:
		return c.listKeys(ctx, in)
	}
}

func (c *call) issueKey(ctx context.Context, in model.MCPAPIKeys) (any, error) {
	owner, err := c.owner(ctx, in)
	if err != nil {
		return nil, err
	}
	if owner == nil {
		return nil, errs.At(errs.InvalidRequest, "principal_key or principal_id is required", errs.Place{Pointer: "/principal_key", Detail: "is required"})
	}
	wanted := model.APIKeyCreate{PrincipalID: owner.String(), Name: cmp.Or(in.Name, defaultKeyName)}
	if in.ExpiresInDays > 0 {
		wanted.ExpiresAt = nullable.NewNullableWithValue(c.Now().Add(time.Duration(in.ExpiresInDays) * 24 * time.Hour))
	}
	issued, _, err := c.Admin.IssueKey(ctx, c.caller, wanted)
	if err != nil {
		return nil, err
	}
	row, err := c.Store.GetAPIKey(ctx, issued.ID)
	if err != nil {
		return nil, err
	}
	view, err := c.keyView(ctx, row)
	view.APIKey, view.Warning, view.CreatedBy = issued.APIKey, shownOnce, nullable.NewNullableWithValue(c.caller.PrincipalKey)
	return view, err
}

// owner is whose keys are meant; nil is everybody's.
func (c *call) owner(ctx context.Context, in model.MCPAPIKeys) (*uuid.UUID, error) {
	if in.PrincipalID != nil || in.PrincipalKey == "" {
		return in.PrincipalID, nil
	}
	f, err := c.filter(cmp.Or(in.TenantKey, c.caller.TenantKey), 1, "")
	if err != nil {
		return nil, err
	}
	f.key = &in.PrincipalKey
	rows, err := principals.list(ctx, c.Store, f)
	if err == nil && len(rows) == 0 {
		err = errs.At(errs.InvalidReference, "a reference leads nowhere", errs.Place{Pointer: "/principal_key", Detail: "no such principal"})
	}
	if err != nil {
		return nil, err
	}
	return &rows[0].ID, nil
}

func (c *call) revokeKey(ctx context.Context, id uuid.UUID) (any, error) {
	before, err := admin.APIKeys.Find(ctx, c.Store, c.caller, id.String())
	if err != nil {
		return nil, err
	}
	if err := admin.APIKeys.Delete(ctx, c.Admin, c.caller, id.String(), ""); err != nil {
		return nil, err
	}
	after, err := admin.APIKeys.Find(ctx, c.Store, c.caller, id.String())
	if err != nil {
		return nil, err
	}
	view, err := c.keyView(ctx, after)
	view.AlreadyRevoked = new(before.Status == after.Status)
	return view, err
}

func (c *call) listKeys(ctx context.Context, in model.MCPAPIKeys) (any, error) {
	f, err := c.filter(in.TenantKey, in.Limit, in.Cursor)
	if err != nil {
		return nil, err
	}
	wanted := store.ListAPIKeysParams{TenantKey: f.tenant, After: f.after, RowLimit: f.most}
	if wanted.PrincipalID, err = c.owner(ctx, in); err != nil {
		return nil, err
	}
	if !in.IncludeRevoked {
		wanted.Status = new(string(model.APIKeyStatusActive))
	}
	rows, err := c.Store.ListAPIKeys(ctx, wanted)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	if int64(len(rows)) == f.most {
		rows = rows[:f.most-1]
		out["next_cursor"] = rows[len(rows)-1].ID
	}
	views := make([]model.MCPAPIKey, len(rows))
	for i, row := range rows {
		if views[i], err = c.keyView(ctx, row); err != nil {
			return nil, err
		}
	}
	out["api_keys"], out["count"] = views, len(views)
	return out, nil
}

// keyView is what a caller sees of a key, with whose it is.
func (c *call) keyView(ctx context.Context, row store.APIKey) (model.MCPAPIKey, error) {
	owner, err := c.Store.GetPrincipal(ctx, row.PrincipalID)
	v := admin.APIKeyView(row)
	return model.MCPAPIKey{
		APIKeyID: v.ID, TenantKey: v.TenantKey, PrincipalID: v.PrincipalID, PrincipalKey: owner.PrincipalKey, Name: v.Name, Status: v.Status,
		CreatedAt: v.CreatedAt, CreatedBy: nullable.NewNullNullable[string](), ExpiresAt: v.ExpiresAt, LastUsedAt: v.LastUsedAt,
	}, err
}
