package world

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
)

// grants are the capabilities that a problemata's owner gets for each type of
// service in it; a type that isn't here is described, and grants nothing.
var grants = map[string][]string{
	"asyncgate":   {"tasks.complete", "tasks.lease"},
	"cognigate":   {"cognition.execute"},
	"depotgate":   {"artifacts.read", "artifacts.stage"},
	"interrogate": {"admission.query"},
	"interview":   {"observe.read"},
	"memorygate":  {"memory.read", "memory.write"},
	"metagate":    {"bootstrap.read"},
	"receiptgate": {"receipts.read", "receipts.submit"},
}

const (
	firstVersion   = "0.1.0" // of a problemata that names none
	defaultName    = "default"
	typeService    = "service" // principal_type of an owner that isn't there yet
	typeMemoryGate = "memorygate"
)

// Instantiate describes a validated problemata: its owner's profile, manifest and
// binding, in one transaction, and the owner where it isn't there. It never deploys
// anything, and doing it again changes nothing. invalid is what the schema found
// wrong, which matters less than what may not be described at all.
func (s *Service) Instantiate(ctx context.Context, a identity.Caller, in model.MCPProblemata, invalid error) (model.MCPProblemataResult, error) {
	if err := cmp.Or(describable(in), invalid); err != nil {
		return model.MCPProblemataResult{}, err
	}
	var spec model.ProblemataSpec
	if err := jsonv2.Unmarshal(in.Spec, &spec); err != nil {
		return model.MCPProblemataResult{}, errs.Wrap(err, errs.InvalidRequest, "the spec is not as openapi.yaml says")
	}
	in.DeploymentKey = cmp.Or(in.DeploymentKey, s.Admin.Deployment, defaultName)
	out, described := describe(in, spec)
	out.TenantKey = cmp.Or(in.TenantKey, a.TenantKey)
	plan, p, err := s.apply(ctx, a, Apply{World: described, Describes: true})
	if err != nil {
		return out, err
	}
	out.Warnings = plan.Warnings
	out.BindingID = p.ids["binding/"+bindingName(described.Bindings[0])]
	out.BindingCreated = slices.ContainsFunc(plan.Changes, func(c model.PlanChange) bool {
		return c.ResourceType == model.ResourceTypeBinding && c.Action == model.PlanActionCreate
	})
	return out, nil
}

// describable refuses what would make us more than a witness, and what nobody
// stands for: MetaGate doesn't validate problematas itself.
func describable(in model.MCPProblemata) error {
	if len(in.Spec) > 0 {
		places, err := bootstrap.FindForbidden(in.Spec, "")
		if err != nil {
			return err
		}
		if places != nil {
			paths := make([]string, len(places))
			for i := range places {
				paths[i] = dotted(places[i].Pointer)
				places[i].Pointer = "/spec" + places[i].Pointer
			}
			return errs.At(errs.ForbiddenKeys, "the spec carries forbidden keys: "+strings.Join(paths, ", "), places...)
		}
	}
	var attested struct {
		Status string `json:"status"`
	}
	if jsonv2.Unmarshal(in.Validation, &attested) != nil || !strings.EqualFold(attested.Status, "passed") {
		return errs.At(errs.ProblemataUnvalidated, "the spec needs a validation whose status is passed: MetaGate validates none itself",
			errs.Place{Pointer: "/validation/status", Detail: "must be passed"})
	}
	return nil
}

// dotted is a JSON Pointer as people write it: topology[0].execute.
func dotted(pointer string) string {
	var out strings.Builder
	for token := range jsontext.Pointer(pointer).Tokens() {
		switch {
		case strings.Trim(token, "0123456789") == "" && token != "":
			out.WriteString("[" + token + "]")
		case out.Len() > 0:
			out.WriteString("." + token)
		default:
			out.WriteString(token)
		}
	}
	return out.String()
}

// describe is the world that a problemata stands for.
func describe(in model.MCPProblemata, spec model.ProblemataSpec) (model.MCPProblemataResult, model.World) {
	head := spec.Problemata
	version := cmp.Or(given(head.Version), firstVersion)
	scope := "problemata:" + head.ID + ":" + version
	out := model.MCPProblemataResult{
		ProblemataID: head.ID, Version: version, DeploymentKey: in.DeploymentKey,
		PrincipalKey: head.OwnerPrincipal, ProfileKey: scope + ":profile", ManifestKey: scope + ":manifest",
		Services: slices.Sorted(maps.Keys(spec.Primitives)),
	}
	services, memory := map[string]any{}, map[string]any{}
	for ref, primitive := range spec.Primitives {
		kind, endpoint := cmp.Or(given(primitive.Type), "unknown"), orElse(primitive.Endpoint, "null")
		services[ref] = map[string]any{"type": kind, "endpoint": endpoint, "config": orElse(primitive.Config, "{}")}
		if kind == typeMemoryGate {
			memory[ref] = map[string]any{"endpoint": endpoint}
		}
		out.Capabilities = append(out.Capabilities, grants[kind]...)
	}
	slices.Sort(out.Capabilities)
	out.Capabilities = append([]string{}, slices.Compact(out.Capabilities)...)

	defaults := orElse(head.Defaults, "{}")
	var trust struct {
		Domain json.RawMessage `json:"trust_domain"`
	}
	_ = jsonv2.Unmarshal(defaults, &trust) // it is an object: the schema says so
	if trust.Domain == nil {
		trust.Domain = json.RawMessage(`"` + defaultName + `"`)
	}
	return out, model.World{
		TenantKey: in.TenantKey,
		Profiles: []model.ProfileCreate{{
			ProfileKey: out.ProfileKey, Capabilities: text(map[string]any{"allowed": out.Capabilities}), Policy: orElse(spec.Policies, "{}"),
		}},
		Manifests: []model.ManifestCreate{{
			ManifestKey: out.ManifestKey, DeploymentKey: out.DeploymentKey,
			Services: text(services), MemoryMap: text(memory),
			Environment: text(map[string]any{
				"problemata_id": head.ID, "problemata_version": version, "trust_domain": trust.Domain,
				"defaults": defaults, "labels": orElse(head.Labels, "{}"), "topology": orElse(spec.Topology, "[]"),
			}),
			Polling: text(map[string]any{"bootstrap_interval_seconds": 300}), Schemas: text(map[string]any{"problemata_spec_version": version}),
		}},
		Principals: []model.PrincipalCreate{{
			PrincipalKey: head.OwnerPrincipal, AuthSubject: cmp.Or(in.AuthSubject, head.OwnerPrincipal), PrincipalType: typeService,
		}},
		Bindings: []model.WorldBinding{{Principal: head.OwnerPrincipal, Profile: out.ProfileKey, Manifest: out.ManifestKey}},
	}
}

// given is a value, or the zero one where there is none.
func given[T any](n nullable.Nullable[T]) T {
	value, _ := n.Get()
	return value
}

// orElse is a document, or another where there is none.
func orElse(n nullable.Nullable[json.RawMessage], other string) json.RawMessage {
	if document := given(n); len(document) > 0 {
		return document
	}
	return json.RawMessage(other)
}

func text(value any) json.RawMessage {
	b, _ := json.Marshal(value) // of checked documents: can't fail
	return doc.WithoutHTML(b)
}
