package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
)

type auditCmd struct {
	remote
	Type      kind      `env:"METAGATE_TYPE" enum:"principals,profiles,manifests,bindings,secret-refs,validators,api-keys,startups," default:"" placeholder:"KIND" help:"Only what was done to principals, profiles, manifests, bindings, secret-refs, validators, api-keys or startups."`
	ID        uuid.UUID `name:"id" env:"METAGATE_ID" placeholder:"UUID" help:"Only what was done to the resource with this id."`
	Key       string    `env:"METAGATE_RESOURCE_KEY" placeholder:"KEY" help:"Only what was done to resources with this key."`
	Principal string    `env:"METAGATE_PRINCIPAL" placeholder:"KEY" help:"Only what was done to this principal, its bindings, API keys and startups."`
	Actor     string    `env:"METAGATE_ACTOR" placeholder:"KEY" help:"Only what the principal with this key did."`
	Since     span      `env:"METAGATE_SINCE" placeholder:"AGE" help:"Only what was done since, as in 15m, 24h or 7d."`
	Diff      bool      `env:"METAGATE_DIFF" help:"Show what each changed, before and after."`
	paging
}

func (c *auditCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	since := c.Since.ago(time.Now())
	get := func(ctx context.Context, limit *int64, cursor *string) (*http.Response, error) {
		params := &model.ListAuditLogParams{
			Actor: filter(c.Actor), ResourceKey: filter(c.Key), PrincipalKey: filter(c.Principal), Since: since, Limit: limit, Cursor: cursor,
		}
		if c.Type != "" {
			params.ResourceType = new(model.ResourceType(c.Type.resourceType()))
		}
		if c.ID != uuid.Nil {
			params.ResourceID = &c.ID
		}
		return m.ListAuditLog(ctx, params)
	}
	t := newTable(s.out, "WHEN", "WHO", "WITH", "WHAT", "KIND", "KEY", "ID", "WHY")
	return printList(ctx, m, s.out, c.paging, get, t, func(e model.AuditEntry) error {
		t.row(dim, stamp(e.CreatedAt), who(e), with(e), string(e.Action), strings.ReplaceAll(string(e.ResourceType), "_", " "),
			e.ResourceKey, e.ResourceID.String(), clip(said(e.Reason)))
		if !c.Diff {
			return nil
		}
		if err := t.flush(); err != nil {
			return err
		}
		renderChanges(s, e)
		return nil
	})
}

// who is the actor, and how it came in where that isn't the usual key.
func who(e model.AuditEntry) string {
	if e.AuthMethod == model.AuthMethodAPIKey {
		return e.Actor
	}
	return fmt.Sprintf("%s (%s)", e.Actor, e.AuthMethod)
}

// with is the credential: an API key's name, or a token's or certificate's subject.
func with(e model.AuditEntry) string {
	var c struct{ Name, Subject string }
	if text, err := e.Credential.Get(); err == nil {
		_ = json.Unmarshal(text, &c) // a server's: at worst nothing is shown
	}
	return cmp.Or(c.Name, c.Subject)
}

func renderChanges(s streams, e model.AuditEntry) {
	before, _ := e.Before.Get()
	after, _ := e.After.Get()
	if e.Before.IsNull() {
		before = json.RawMessage("{}")
	}
	if e.After.IsNull() {
		after = json.RawMessage("{}")
	}
	p := painter(s.out)
	for _, d := range doc.Diff(before, after) {
		switch d.Pointer {
		case "/id", "/created_at", "/updated_at": // as the entry says
		default:
			renderChange(s.out, p, string(d.Pointer), string(d.Before), string(d.After))
		}
	}
}
