package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// operator calls one operation after the other on the world of the mesh.
type operator struct {
	*client.ClientWithResponses // as an admin

	ctx  context.Context
	ids  apptest.Created
	mesh *client.ClientWithResponses // as asyncgate
	app  *apptest.App
	n    atomic.Int64
}

// key is a new one at each call.
func (o *operator) key() string { return fmt.Sprintf("new-%d", o.n.Add(1)) }

func (o *operator) principal(t *testing.T) uuid.UUID {
	return apptest.Got(o.CreatePrincipalWithResponse(o.ctx, nil, model.PrincipalCreate{PrincipalKey: o.key(), AuthSubject: o.key()})).Is(t, 201).JSON201.ID
}

func (o *operator) profile(t *testing.T) uuid.UUID {
	return apptest.Got(o.CreateProfileWithResponse(o.ctx, nil, model.ProfileCreate{ProfileKey: o.key()})).Is(t, 201).JSON201.ID
}

func (o *operator) manifest(t *testing.T) uuid.UUID {
	return apptest.Got(o.CreateManifestWithResponse(o.ctx, nil, model.ManifestCreate{ManifestKey: o.key()})).Is(t, 201).JSON201.ID
}

func (o *operator) newBinding(t *testing.T) model.BindingCreate {
	return model.BindingCreate{PrincipalID: o.principal(t).String(), ProfileID: o.profile(t).String(), ManifestID: o.manifest(t).String()}
}

func (o *operator) binding(t *testing.T) uuid.UUID {
	return apptest.Got(o.CreateBindingWithResponse(o.ctx, nil, o.newBinding(t))).Is(t, 201).JSON201.ID
}

func (o *operator) secretRef(t *testing.T) uuid.UUID {
	return apptest.Got(o.CreateSecretRefWithResponse(o.ctx, nil, model.SecretRefCreate{SecretKey: o.key(), RefKind: "env", RefName: "X"})).Is(t, 201).JSON201.ID
}

func (o *operator) validator(t *testing.T) uuid.UUID {
	return apptest.Got(o.CreateValidatorWithResponse(o.ctx, nil, model.ValidatorCreate{ValidatorKey: o.key(), On: "profile", Schema: patch(`{"type":"object"}`)})).Is(t, 201).JSON201.ID
}

func (o *operator) apiKey(t *testing.T) uuid.UUID {
	return apptest.Got(o.CreateAPIKeyWithResponse(o.ctx, nil, model.APIKeyCreate{PrincipalID: o.principal(t).String(), Name: "k"})).Is(t, 201).JSON201.ID
}

func (o *operator) start(t *testing.T) *model.WelcomePacket {
	return apptest.Got(o.mesh.BootstrapWithResponse(o.ctx, nil, model.BootstrapRequest{ComponentKey: "asyncgate_main"})).Is(t, 200).JSON200
}

// newWorld has one of everything in it. Its plan has shown each kind of change.
func (o *operator) newWorld(t *testing.T) model.World {
	key := o.key()
	w := model.World{
		SecretRefs: []model.SecretRefCreate{{SecretKey: key, RefKind: "env", RefName: "X"}},
		Profiles:   []model.ProfileCreate{{ProfileKey: key, Policy: patch(`{"n":1.10}`)}},
		Manifests:  []model.ManifestCreate{{ManifestKey: key}, {ManifestKey: "legivellum-mesh", Polling: patch(`{"n":1}`)}},
		Principals: []model.PrincipalCreate{{PrincipalKey: key, AuthSubject: key}},
		Bindings:   []model.WorldBinding{{Principal: key, Profile: key, Manifest: key, Overrides: patch(`{"policy":{"n":null}}`)}},
	}
	plan := apptest.Got(o.ApplyWorldWithResponse(o.ctx, &model.ApplyWorldParams{DryRun: new(true), Prune: new(true)}, w)).Is(t, 200).JSON200
	require.Positive(t, plan.Summary.Create*plan.Summary.Update*plan.Summary.Delete)
	require.NotEmpty(t, plan.Packets)
	return w
}

// answered is the status of a call of the generated client.
func answered[R apptest.Result](result R, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return result.StatusCode(), nil
}

// accept asks for a media type.
func accept(mediaType string) client.RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("Accept", mediaType)
		return nil
	}
}

func patch(text string) json.RawMessage { return json.RawMessage(text) }
