package admin

import (
	"context"
	"encoding/json"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

// Demo is the seed README's component.
var Demo = model.PrincipalCreate{PrincipalKey: "test-component-001", AuthSubject: "test-subject-001", PrincipalType: "component"}

// DemoComponent is the component_key that the seed README's example starts.
const DemoComponent = "memorygate_main"

// SeedDemo makes sure that the seed README's demo world exists: what is there
// already stays as it is.
func (s *Service) SeedDemo(ctx context.Context) (store.Principal, error) {
	var p store.Principal
	err := s.Write(ctx, s.CLI(), s.home(), func(w Write) (err error) {
		if p, err = w.demoPrincipal(ctx); err != nil {
			return err
		}
		bound, err := w.ListBindings(ctx, store.ListBindingsParams{PrincipalID: &p.ID, Active: new(true), RowLimit: 1})
		if err != nil || len(bound) > 0 {
			return err
		}
		profile, err := w.demoProfile(ctx)
		if err != nil {
			return err
		}
		manifest, err := w.demoManifest(ctx)
		if err != nil {
			return err
		}
		_, err = Bindings.createIn(ctx, w, model.BindingCreate{PrincipalID: p.ID.String(), ProfileID: profile.ID.String(), ManifestID: manifest.ID.String()})
		return err
	})
	return p, err
}

func (w Write) demoPrincipal(ctx context.Context) (store.Principal, error) {
	row, err := w.GetPrincipalByKey(ctx, store.GetPrincipalByKeyParams{TenantKey: w.tenant, PrincipalKey: Demo.PrincipalKey})
	if !store.IsNotFound(err) {
		return row, err
	}
	return Principals.createIn(ctx, w, Demo)
}

func (w Write) demoProfile(ctx context.Context) (store.Profile, error) {
	const key = "default-profile"
	row, err := w.GetProfileByKey(ctx, store.GetProfileByKeyParams{TenantKey: w.tenant, ProfileKey: key})
	if !store.IsNotFound(err) {
		return row, err
	}
	return Profiles.createIn(ctx, w, model.ProfileCreate{
		ProfileKey:   key,
		Capabilities: json.RawMessage(`{"memory_read":true,"memory_write":true,"async_poll":true}`),
		Policy:       json.RawMessage(`{"max_memory_mb":1024,"rate_limit_rps":100}`),
	})
}

func (w Write) demoManifest(ctx context.Context) (store.Manifest, error) {
	const key = "default-manifest"
	row, err := w.GetManifestByKey(ctx, store.GetManifestByKeyParams{TenantKey: w.tenant, ManifestKey: key})
	if !store.IsNotFound(err) {
		return row, err
	}
	return Manifests.createIn(ctx, w, model.ManifestCreate{
		ManifestKey: key, DeploymentKey: "local",
		Environment: json.RawMessage(`{"stage":"development"}`),
		Services:    json.RawMessage(`{"memorygate":{"type":"memorygate","endpoint":"http://memorygate:8001/mcp","config":{"auth":"jwt"}},"asyncgate":{"type":"asyncgate","endpoint":"http://asyncgate:8080/mcp","config":{"auth":"api_key"}}}`),
		MemoryMap:   json.RawMessage(`{"primary":{"gate":"memorygate","namespace":"default"}}`),
		Polling:     json.RawMessage(`{"asyncgate":{"endpoint":"/mcp","interval_ms":1000}}`),
		Schemas:     json.RawMessage(`{"receipt_schema":"receipt.schema.v1.json"}`),
	})
}
