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
		return answer[model.Principal](m, func() (*http.Response, error) { return m.GetPrincipal(ctx, id) })
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
