package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
)

// principal finds a principal by its principal_key or id.
func (m *server) principal(ctx context.Context, key string) (model.Principal, error) {
	if id, err := uuid.Parse(key); err == nil {
		return answer[model.Principal](m, func() (*http.Response, error) { return m.GetPrincipal(ctx, id.String()) })
	}
	found, err := answer[[]model.Principal](m, func() (*http.Response, error) {
		return m.ListPrincipals(ctx, &model.ListPrincipalsParams{PrincipalKey: &key})
	})
	switch {
	case err != nil:
		return model.Principal{}, err
	case len(found) == 0:
		return model.Principal{}, coded{fmt.Errorf("no principal has the key %q", key), exitRefused}
	case len(found) > 1:
		return model.Principal{}, coded{errors.New("several tenants have this principal_key: name its id"), exitUsage}
	}
	return found[0], nil
}

// names are the keys of what bindings and API keys name by id.
type names struct {
	server *server
	known  map[uuid.UUID]string
}

func (n *names) principal(ctx context.Context, id uuid.UUID) string {
	return nameOf(n, id, func() (*http.Response, error) { return n.server.GetPrincipal(ctx, id.String()) },
		func(p model.Principal) string { return p.PrincipalKey })
}

func (n *names) profile(ctx context.Context, id uuid.UUID) string {
	return nameOf(n, id, func() (*http.Response, error) { return n.server.GetProfile(ctx, id.String()) },
		func(p model.Profile) string { return p.ProfileKey })
}

func (n *names) manifest(ctx context.Context, id uuid.UUID) string {
	return nameOf(n, id, func() (*http.Response, error) { return n.server.GetManifest(ctx, id.String()) },
		func(m model.Manifest) string { return m.ManifestKey })
}

// nameOf asks once for each id. One that is gone by now stays an id.
func nameOf[T any](n *names, id uuid.UUID, call func() (*http.Response, error), name func(T) string) string {
	if known, ok := n.known[id]; ok {
		return known
	}
	text := id.String()
	if v, err := answer[T](n.server, call); err == nil {
		text = name(v)
	}
	if n.known == nil {
		n.known = map[uuid.UUID]string{}
	}
	n.known[id] = text
	return text
}

// learn reads the keys of all principals at once, before a list of very many is printed.
func (n *names) learn(ctx context.Context) error {
	n.known = map[uuid.UUID]string{}
	_, err := eachPage(ctx, n.server, paging{All: true}, func(ctx context.Context, limit *int64, cursor *string) (*http.Response, error) {
		return n.server.ListPrincipals(ctx, &model.ListPrincipalsParams{Limit: limit, Cursor: cursor})
	}, func(page []model.Principal) error {
		for _, p := range page {
			n.known[p.ID] = p.PrincipalKey
		}
		return nil
	})
	return err
}
