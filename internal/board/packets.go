package board

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
)

// packetView is the packet that a startup was answered with beside the one that it
// would be answered with now.
type packetView struct {
	Sections   []section
	Gone       string // why there is none of then
	Refused    string // why there is none now
	Outdated   bool
	Then, Now  string // etags
	Comparable bool
}

type section struct {
	Name, From, Key string
	Overridden      []string
	Then, Now       string
	Changes         []change
}

type change struct{ Pointer, Before, After string }

// born are members of one answer, which differ each time.
var born = []string{"packet_id", "packet_etag", "issued_at", "startup"}

func packets(ctx context.Context, as api, s model.StartupSession) (v packetView, err error) {
	v.Then = s.PacketEtag
	var then, now map[string]json.RawMessage
	kept, err := got(as.GetStartupPacketWithResponse(ctx, s.StartupID))
	switch {
	case err == nil:
		err = json.Unmarshal(kept.Body, &then)
	case statusOf(err) == http.StatusGone:
		v.Gone, err = err.Error(), nil
	}
	if err != nil {
		return v, err
	}
	e, err := explained(ctx, as, s)
	if no, ok := errors.AsType[refused](err); ok && no.Status == http.StatusNotFound {
		v.Refused, err = no.Detail, nil
	}
	if err != nil {
		return v, err
	}
	if e.Refusal != nil {
		v.Refused = e.Refusal.Detail
	}
	if e.Packet != nil {
		if err := json.Unmarshal(e.Packet, &now); err != nil {
			return v, err
		}
	}
	v.Now = e.PacketEtag
	v.Outdated = v.Now != v.Then
	v.Comparable = then != nil && now != nil
	names := maps.Clone(now)
	if names == nil {
		names = map[string]json.RawMessage{}
	}
	maps.Copy(names, then)
	for name := range names {
		if !slices.Contains(born, name) {
			v.Sections = append(v.Sections, newSection(name, then, now, e.Sections))
		}
	}
	slices.SortFunc(v.Sections, func(a, b section) int {
		return cmp.Or(cmp.Compare(min(1, len(b.Changes)), min(1, len(a.Changes))), cmp.Compare(a.Name, b.Name))
	})
	return v, nil
}

func newSection(name string, then, now map[string]json.RawMessage, sources []model.SectionSource) section {
	out := section{Name: name, Then: indented(then[name]), Now: indented(now[name])}
	for _, s := range sources {
		if s.Section == name {
			out.From, out.Key, out.Overridden = string(s.From), s.Key, s.Overridden
		}
	}
	if then != nil && now != nil {
		for _, c := range doc.Diff(then[name], now[name]) {
			out.Changes = append(out.Changes, change{cmp.Or(string(c.Pointer), "/"), string(c.Before), string(c.After)})
		}
	}
	return out
}

// explained is what the startup's principal would get now.
func explained(ctx context.Context, as api, s model.StartupSession) (model.Explanation, error) {
	found, err := got(as.ListPrincipalsWithResponse(ctx, &model.ListPrincipalsParams{PrincipalKey: &s.PrincipalKey, TenantKey: &s.TenantKey}))
	if err != nil {
		return model.Explanation{}, err
	}
	if len(*found.JSON200) == 0 {
		return model.Explanation{}, refused{model.Problem{Status: http.StatusNotFound, Detail: "its principal is deleted"}}
	}
	e, err := got(as.ExplainPacketWithResponse(ctx, (*found.JSON200)[0].ID.String(), &model.ExplainPacketParams{ComponentKey: s.ComponentKey}))
	if err != nil {
		return model.Explanation{}, err
	}
	return *e.JSON200, nil
}

// entriesAtOnce is how many audit entries of one resource a page shows.
const entriesAtOnce = 20

// writes are the audit entries of the revision that a startup was answered from, and
// those since that its packet may owe something to.
func writes(ctx context.Context, as api, s model.StartupSession) (made, since []model.AuditEntry, err error) {
	limit := model.Limit(entriesAtOnce)
	list := func(p model.ListAuditLogParams) []model.AuditEntry {
		if err != nil {
			return nil
		}
		p.Limit, p.TenantKey = &limit, &s.TenantKey
		var answer *client.ListAuditLogResult
		if answer, err = got(as.ListAuditLogWithResponse(ctx, &p)); err != nil {
			return nil
		}
		return *answer.JSON200
	}
	if revision := val(s.Revision); revision > 0 {
		made = list(model.ListAuditLogParams{Revision: &revision})
	}
	of := func(t model.ResourceType) *model.ResourceType { return &t }
	for _, p := range []model.ListAuditLogParams{
		{ResourceType: of(model.ResourceTypeManifest), ResourceKey: &s.Manifest},
		{ResourceType: of(model.ResourceTypeProfile), ResourceKey: &s.Profile},
		{ResourceType: of(model.ResourceTypeBinding), PrincipalKey: &s.PrincipalKey},
		{ResourceType: of(model.ResourceTypePrincipal), PrincipalKey: &s.PrincipalKey},
		{ResourceType: of(model.ResourceTypeSecretRef)},
		{ResourceType: of(model.ResourceTypeStartup), ResourceID: &s.StartupID},
	} {
		p.Since = &s.OpenedAt
		since = append(since, list(p)...)
	}
	slices.SortFunc(since, func(a, b model.AuditEntry) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return made, since[:min(len(since), entriesAtOnce)], err
}
