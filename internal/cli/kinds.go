package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
)

// kinds are the resources that get shows.
func kinds(m *server) map[kind]getter {
	return map[kind]getter{
		"principals": principals(m), "profiles": profiles(m), "manifests": manifests(m),
		"bindings": bindings(m), "secret-refs": secretRefs(m), "validators": validators(m), "api-keys": apiKeys(m),
	}
}

func principals(m *server) resource[model.Principal] {
	return resource[model.Principal]{
		header: []string{"PRINCIPAL", "TYPE", "STATUS", "SUBJECT", "AGE", "ID"},
		row: func(_ context.Context, _ *names, r model.Principal) (string, []string) {
			return dimmed(r.Status == model.PrincipalStatusDisabled),
				[]string{r.PrincipalKey, r.PrincipalType, string(r.Status), r.AuthSubject, age(m.now().Sub(r.CreatedAt)), r.ID.String()}
		},
		list: func(ctx context.Context, key string, limit *int64, cursor *string) (*http.Response, error) {
			return m.ListPrincipals(ctx, &model.ListPrincipalsParams{PrincipalKey: filter(key), Limit: limit, Cursor: cursor})
		},
		byID: func(ctx context.Context, id uuid.UUID) (*http.Response, error) {
			return m.GetPrincipal(ctx, id.String())
		},
	}
}

func profiles(m *server) resource[model.Profile] {
	return resource[model.Profile]{
		header: []string{"PROFILE", "STARTUP SLA", "AGE", "UPDATED", "ID"},
		row: func(_ context.Context, _ *names, r model.Profile) (string, []string) {
			return "", []string{r.ProfileKey, fmt.Sprintf("%ds", r.StartupSLASeconds), age(m.now().Sub(r.CreatedAt)), age(m.now().Sub(r.UpdatedAt)), r.ID.String()}
		},
		list: func(ctx context.Context, key string, limit *int64, cursor *string) (*http.Response, error) {
			return m.ListProfiles(ctx, &model.ListProfilesParams{ProfileKey: filter(key), Limit: limit, Cursor: cursor})
		},
		byID: func(ctx context.Context, id uuid.UUID) (*http.Response, error) { return m.GetProfile(ctx, id.String()) },
	}
}

func manifests(m *server) resource[model.Manifest] {
	return resource[model.Manifest]{
		header: []string{"MANIFEST", "VERSION", "DEPLOYMENT", "AGE", "UPDATED", "ID"},
		row: func(_ context.Context, _ *names, r model.Manifest) (string, []string) {
			return "", []string{r.ManifestKey, fmt.Sprint(r.Version), r.DeploymentKey, age(m.now().Sub(r.CreatedAt)), age(m.now().Sub(r.UpdatedAt)), r.ID.String()}
		},
		list: func(ctx context.Context, key string, limit *int64, cursor *string) (*http.Response, error) {
			return m.ListManifests(ctx, &model.ListManifestsParams{ManifestKey: filter(key), Limit: limit, Cursor: cursor})
		},
		byID: func(ctx context.Context, id uuid.UUID) (*http.Response, error) {
			return m.GetManifest(ctx, id.String())
		},
	}
}

func bindings(m *server) resource[model.Binding] {
	return resource[model.Binding]{
		header: []string{"PRINCIPAL", "PROFILE", "MANIFEST", "ACTIVE", "OVERRIDES", "AGE", "ID"},
		row: func(ctx context.Context, n *names, r model.Binding) (string, []string) {
			active := "yes"
			if !r.Active {
				active = "no"
			}
			return dimmed(!r.Active), []string{
				n.principal(ctx, r.PrincipalID), n.profile(ctx, r.ProfileID), n.manifest(ctx, r.ManifestID), active,
				strings.Join(memberNames(r.Overrides), ","), age(m.now().Sub(r.CreatedAt)), r.ID.String(),
			}
		},
		list: func(ctx context.Context, principal string, limit *int64, cursor *string) (*http.Response, error) {
			params := &model.ListBindingsParams{Limit: limit, Cursor: cursor}
			if principal != "" { // its active one is its binding
				p, err := m.principal(ctx, principal)
				if err != nil {
					return nil, err
				}
				params.PrincipalID, params.Active = &p.ID, new(true)
			}
			return m.ListBindings(ctx, params)
		},
		byID:  func(ctx context.Context, id uuid.UUID) (*http.Response, error) { return m.GetBinding(ctx, id) },
		names: true,
	}
}

func secretRefs(m *server) resource[model.SecretRef] {
	return resource[model.SecretRef]{
		header: []string{"SECRET", "KIND", "NAME", "STATUS", "AGE", "ID"},
		row: func(_ context.Context, _ *names, r model.SecretRef) (string, []string) {
			return dimmed(r.Status != model.SecretRefStatusActive),
				[]string{r.SecretKey, string(r.RefKind), r.RefName, string(r.Status), age(m.now().Sub(r.CreatedAt)), r.ID.String()}
		},
		list: func(ctx context.Context, key string, limit *int64, cursor *string) (*http.Response, error) {
			return m.ListSecretRefs(ctx, &model.ListSecretRefsParams{SecretKey: filter(key), Limit: limit, Cursor: cursor})
		},
		byID: func(ctx context.Context, id uuid.UUID) (*http.Response, error) {
			return m.GetSecretRef(ctx, id.String())
		},
	}
}

func validators(m *server) resource[model.Validator] {
	return resource[model.Validator]{
		header: []string{"VALIDATOR", "ON", "MODE", "AGE", "UPDATED", "ID"},
		row: func(_ context.Context, _ *names, r model.Validator) (string, []string) {
			return dimmed(r.Mode == model.ValidatorModeWarn),
				[]string{r.ValidatorKey, string(r.On), string(r.Mode), age(m.now().Sub(r.CreatedAt)), age(m.now().Sub(r.UpdatedAt)), r.ID.String()}
		},
		list: func(ctx context.Context, key string, limit *int64, cursor *string) (*http.Response, error) {
			return m.ListValidators(ctx, &model.ListValidatorsParams{ValidatorKey: filter(key), Limit: limit, Cursor: cursor})
		},
		byID: func(ctx context.Context, id uuid.UUID) (*http.Response, error) {
			return m.GetValidator(ctx, id.String())
		},
	}
}

func apiKeys(m *server) resource[model.APIKey] {
	return resource[model.APIKey]{
		header: []string{"NAME", "PRINCIPAL", "STATUS", "EXPIRES", "LAST USED", "AGE", "ID"},
		row: func(ctx context.Context, n *names, r model.APIKey) (string, []string) {
			now, expires, status := m.now(), "never", string(r.Status)
			if at, err := r.ExpiresAt.Get(); err == nil {
				if expires = "in " + age(at.Sub(now)); !at.After(now) {
					expires = age(now.Sub(at)) + " ago"
				}
			}
			if status == string(model.APIKeyStatusActive) && strings.HasSuffix(expires, " ago") {
				status = "expired"
			}
			used := "never"
			if text := since(now, r.LastUsedAt); text != "" {
				used = text + " ago"
			}
			return dimmed(status != string(model.APIKeyStatusActive)),
				[]string{r.Name, n.principal(ctx, r.PrincipalID), status, expires, used, age(now.Sub(r.CreatedAt)), r.ID.String()}
		},
		list: func(ctx context.Context, _ string, limit *int64, cursor *string) (*http.Response, error) {
			return m.ListAPIKeys(ctx, &model.ListAPIKeysParams{Limit: limit, Cursor: cursor})
		},
		byID:  func(ctx context.Context, id uuid.UUID) (*http.Response, error) { return m.GetAPIKey(ctx, id) },
		is:    func(r model.APIKey, name string) bool { return r.Name == name },
		names: true,
	}
}

func dimmed(yes bool) string {
	if yes {
		return dim
	}
	return ""
}
