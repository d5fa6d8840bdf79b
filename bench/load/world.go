package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
)

// Applies measures how long a world of n principals with their bindings takes to
// apply, and then to apply again unchanged.
func (t Target) Applies(ctx context.Context, n int) (first, again time.Duration, err error) {
	admin, err := t.client()
	if err != nil {
		return 0, 0, err
	}
	world := crowd("bench-world", 0, n, 1)
	for _, took := range []*time.Duration{&first, &again} {
		start := time.Now()
		if err := apply(ctx, admin, world); err != nil {
			return first, again, err
		}
		*took = time.Since(start)
	}
	return first, again, nil
}

func (t Target) client() (*client.ClientWithResponses, error) {
	return client.NewClientWithResponses(t.URL, client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set(t.APIKeyHeader, t.APIKey)
		return nil
	}))
}

// crowd is a world of principals that share a manifest, and profiles, each of which is as
// many's as the others.
func crowd(name string, from, to, profiles int) model.World {
	w := model.World{
		Manifests: []model.ManifestCreate{{ManifestKey: herdKey, Services: json.RawMessage(
			`{"memorygate":{"type":"memorygate","endpoint":"http://memorygate:8001/mcp","config":{"auth":"jwt"}},` +
				`"asyncgate":{"type":"asyncgate","endpoint":"http://asyncgate:8080/mcp","config":{"auth":"api_key"}}}`)}},
	}
	for i := range max(1, profiles) {
		w.Profiles = append(w.Profiles, model.ProfileCreate{ProfileKey: profile(i)})
	}
	for i := from; i < to; i++ {
		key := principal(name, i)
		w.Principals = append(w.Principals, model.PrincipalCreate{PrincipalKey: key, AuthSubject: key})
		w.Bindings = append(w.Bindings, model.WorldBinding{Principal: key, Profile: profile(i % max(1, profiles)), Manifest: herdKey})
	}
	return w
}

// profile is herdKey for the first, so that there is one in the world of a herd.
func profile(i int) string {
	if i == 0 {
		return herdKey
	}
	return fmt.Sprintf("%s-%04d", herdKey, i)
}

func apply(ctx context.Context, admin *client.ClientWithResponses, w model.World) error {
	r, err := admin.ApplyWorldWithResponse(ctx, nil, w)
	if err == nil && r.StatusCode() != http.StatusOK {
		err = fmt.Errorf("the world could not be applied: %s", r.Body)
	}
	return err
}
