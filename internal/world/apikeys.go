package world

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// apiKeys plans a document's API keys. A key is known by its hash: its name and its
// end may change, its principal can't, and one that was revoked stays so. None is
// pruned, since a document rarely knows them all.
func (p *plan) apiKeys(ctx context.Context, q store.Queries, docs []model.WorldAPIKey, r *rows, now time.Time) error {
	seen := map[string]int{}
	for i, d := range docs {
		at, hash := fmt.Sprintf("/api_keys/%d", i), strings.ToLower(d.Sha256)
		if first, twice := seen[hash]; twice {
			p.fail(at+"/sha256", errs.New(errs.InvalidRequest, "this key is at /api_keys/%d already", first))
			continue
		}
		seen[hash] = i
		if d.ExpiresAt != nil {
			d.ExpiresAt = new(d.ExpiresAt.UTC().Truncate(time.Microsecond))
		}
		if _, ok := p.after.principals[d.Principal]; !ok {
			p.fail(at+"/principal", errs.New(errs.InvalidReference, "no such principal: %q", d.Principal))
		}
		row, found := r.apiKeys[hash]
		if !found {
			if err := p.newKey(ctx, q, at, hash, d, now); err != nil {
				return err
			}
			continue
		}
		p.knownKey(at, row, d)
	}
	return nil
}

func (p *plan) newKey(ctx context.Context, q store.Queries, at, hash string, d model.WorldAPIKey, now time.Time) error {
	switch _, err := q.GetAPIKeyByHash(ctx, hash); {
	case err == nil:
		p.fail(at+"/sha256", admin.ErrKeyTaken(nil))
	case !store.IsNotFound(err):
		return err
	}
	if d.ExpiresAt != nil && !d.ExpiresAt.After(now) {
		p.fail(at+"/expires_at", errs.New(errs.InvalidRequest, "the key would be expired from the start"))
	}
	p.note(model.PlanActionCreate, model.ResourceTypeAPIKey, keyName(d), nil, keyDocOf(d), phaseWrite, func(ctx context.Context, w admin.Write) error {
		_, err := w.Of(d.Principal).PlaceKey(ctx, model.APIKeyCreate{PrincipalID: p.ids["principal/"+d.Principal].String(), Name: d.Name, ExpiresAt: orNever(d.ExpiresAt)}, hash)
		return err
	})
	return nil
}

func (p *plan) knownKey(at string, row store.APIKey, d model.WorldAPIKey) {
	was := model.WorldAPIKey{Principal: d.Principal, Name: row.Name, ExpiresAt: row.ExpiresAt}
	switch {
	case row.PrincipalID != p.ids["principal/"+d.Principal] || row.PrincipalID == uuid.Nil:
		p.fail(at+"/sha256", admin.ErrKeyTaken(nil))
	case row.Status != string(model.APIKeyStatusActive):
		p.fail(at+"/sha256", errs.New(errs.InvalidState, "this key was revoked: it never opens again"))
	case admin.Same(keyDocOf(was), keyDocOf(d)):
		p.note(model.PlanActionUnchanged, model.ResourceTypeAPIKey, keyName(d), nil, nil, phaseWrite, nil)
	default:
		p.note(model.PlanActionUpdate, model.ResourceTypeAPIKey, keyName(d), keyDocOf(was), keyDocOf(d), phaseWrite, func(ctx context.Context, w admin.Write) error {
			return w.Of(d.Principal).ReplaceKey(ctx, row, d.Name, d.ExpiresAt)
		})
	}
}

// keyDoc is what a plan tells of a key: never the hash.
type keyDoc struct {
	Principal string     `json:"principal"`
	Name      string     `json:"name"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

func keyDocOf(d model.WorldAPIKey) keyDoc { return keyDoc{d.Principal, d.Name, d.ExpiresAt} }

// keyName is how a plan calls an API key.
func keyName(d model.WorldAPIKey) string { return d.Principal + ": " + d.Name }

func orNever(t *time.Time) nullable.Nullable[time.Time] {
	if t == nil {
		return nullable.NewNullNullable[time.Time]()
	}
	return nullable.NewNullableWithValue(*t)
}

// goodKeys are the API keys that open a door now.
func (r *rows) goodKeys(now time.Time) []model.WorldAPIKey {
	principals := byID(r.principals, func(p store.Principal) uuid.UUID { return p.ID })
	var out []model.WorldAPIKey
	for _, k := range r.apiKeys {
		if k.Status == string(model.APIKeyStatusActive) && (k.ExpiresAt == nil || k.ExpiresAt.After(now)) {
			out = append(out, model.WorldAPIKey{Principal: principals[k.PrincipalID], Name: k.Name, Sha256: k.KeyHash, ExpiresAt: k.ExpiresAt})
		}
	}
	slices.SortFunc(out, func(a, b model.WorldAPIKey) int {
		return cmp.Or(cmp.Compare(a.Principal, b.Principal), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Sha256, b.Sha256))
	})
	return out
}
