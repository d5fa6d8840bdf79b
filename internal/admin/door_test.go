package admin_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

func TestTheFirstAdminsDoorIsMadeOnceHoweverOftenTheServerStarts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		var first store.GetRevisionRow
		for range 3 {
			require.NoError(t, s.EnsureAdmin(t.Context(), plain))
			require.Equal(t, "admin", opens(t, s, plain))
			require.Equal(t, []string{"create principal admin", "create api_key ADMIN_API_KEY"}, audit(t, s))
			if first.Revision == 0 {
				first = at(t, s, "default")
			}
			require.Equal(t, first, at(t, s, "default"), "a start that changes nothing writes nothing")
		}
	})
}

func TestAnotherAdminKeyReplacesTheOneBefore(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		require.NoError(t, s.EnsureAdmin(t.Context(), plain))
		require.NoError(t, s.EnsureAdmin(t.Context(), other))
		require.Empty(t, opens(t, s, plain))
		require.Equal(t, "admin", opens(t, s, other))
		require.NoError(t, s.EnsureAdmin(t.Context(), plain), "and back again")
		require.Equal(t, "admin", opens(t, s, plain))
		require.Empty(t, opens(t, s, other))
		audit(t, s)
	})
}

func TestTheDoorOpensAgainAfterAMishap(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		require.NoError(t, s.EnsureAdmin(t.Context(), plain))
		p, err := s.Store.GetPrincipalByKey(t.Context(), store.GetPrincipalByKeyParams{TenantKey: "default", PrincipalKey: "admin"})
		require.NoError(t, err)
		keys, err := s.Store.ListAPIKeys(t.Context(), store.ListAPIKeysParams{RowLimit: 10})
		require.NoError(t, err)
		require.Len(t, keys, 1)

		require.NoError(t, admin.APIKeys.Delete(t.Context(), s, actor, keys[0].ID.String(), ""))
		_, err = s.Store.UpdatePrincipal(t.Context(), store.UpdatePrincipalParams{
			ID: p.ID, PrincipalKey: p.PrincipalKey, AuthSubject: p.AuthSubject, PrincipalType: "component", Status: "disabled", UpdatedAt: s.Now(),
		})
		require.NoError(t, err)
		require.Empty(t, opens(t, s, plain))

		require.NoError(t, s.EnsureAdmin(t.Context(), plain))
		require.Equal(t, "admin", opens(t, s, plain))
		p, err = s.Store.GetPrincipal(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, "admin", p.PrincipalType)
	})
}

func TestAnAdminKeyThatIsSomebodyElsesIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		p, err := s.SeedDemo(t.Context())
		require.NoError(t, err)
		key, err := s.ReissueKey(t.Context(), p, "k")
		require.NoError(t, err)
		err = s.EnsureAdmin(t.Context(), key)
		require.Error(t, err)
		require.NotContains(t, err.Error(), key)
		require.Equal(t, p.PrincipalKey, opens(t, s, key))
		_, err = s.Store.GetPrincipalByKey(t.Context(), store.GetPrincipalByKeyParams{TenantKey: "default", PrincipalKey: "admin"})
		require.True(t, store.IsNotFound(err), "all or nothing")
	})
}

func TestAReissuedKeyRevokesThoseOfItsNameOnly(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		p, err := s.SeedDemo(t.Context())
		require.NoError(t, err)
		keep, err := s.ReissueKey(t.Context(), p, "keep")
		require.NoError(t, err)
		first, err := s.ReissueKey(t.Context(), p, "k")
		require.NoError(t, err)
		second, err := s.ReissueKey(t.Context(), p, "k")
		require.NoError(t, err)
		require.NotEqual(t, first, second)
		require.Empty(t, opens(t, s, first))
		require.Equal(t, p.PrincipalKey, opens(t, s, second))
		require.Equal(t, p.PrincipalKey, opens(t, s, keep))
	})
}

func TestTheDemoWorldIsMadeOnceAndKeepsWhatWasChangedInIt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		p, err := s.SeedDemo(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"test-component-001", "test-subject-001"}, []string{p.PrincipalKey, p.AuthSubject})
		bound, err := s.Store.GetIdentityBySubject(t.Context(), p.AuthSubject)
		require.NoError(t, err)
		manifest, err := s.Store.GetManifestByKey(t.Context(), store.GetManifestByKeyParams{TenantKey: "default", ManifestKey: "default-manifest"})
		require.NoError(t, err)
		require.Equal(t, &manifest.ID, bound.ManifestID)
		written := audit(t, s)
		require.Len(t, written, 4)

		profile, err := s.Store.GetProfileByKey(t.Context(), store.GetProfileByKeyParams{TenantKey: "default", ProfileKey: "default-profile"})
		require.NoError(t, err)
		require.Equal(t, &profile.ID, bound.ProfileID)
		_, _, err = admin.Profiles.Update(t.Context(), s, actor, profile.ID.String(), "", []byte(`{"policy":{"mine":1}}`))
		require.NoError(t, err)
		again, err := s.SeedDemo(t.Context())
		require.NoError(t, err)
		require.Equal(t, p, again)
		require.Len(t, audit(t, s), len(written)+1, "the change and nothing else")
		profile, err = s.Store.GetProfile(t.Context(), profile.ID)
		require.NoError(t, err)
		require.Contains(t, string(profile.Policy), "mine")
	})
}

func TestADemoPrincipalThatWasDisabledStaysDisabled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		p, err := s.SeedDemo(t.Context())
		require.NoError(t, err)
		_, _, err = admin.Principals.Update(t.Context(), s, actor, p.ID.String(), "", []byte(`{"status":"disabled"}`))
		require.NoError(t, err)
		again, err := s.SeedDemo(t.Context())
		require.NoError(t, err)
		require.Equal(t, "disabled", again.Status)
	})
}

func TestAKeyThatIsRevokedByItsNameKeepsItsExpiry(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		p, err := s.SeedDemo(t.Context())
		require.NoError(t, err)
		expires := s.Now().Add(time.Hour)
		key, _, err := s.IssueKey(t.Context(), actor, model.APIKeyCreate{
			PrincipalID: p.ID.String(), Name: "k", ExpiresAt: nullable.NewNullableWithValue(expires),
		})
		require.NoError(t, err)
		_, err = s.ReissueKey(t.Context(), p, "k")
		require.NoError(t, err)
		row, err := s.Store.GetAPIKey(t.Context(), key.ID)
		require.NoError(t, err)
		require.Equal(t, "revoked", row.Status)
		require.Equal(t, &expires, row.ExpiresAt)
	})
}

func TestAnActorChangesItsOwnTenantOnly(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		create := model.ProfileCreate{ProfileKey: "p"}
		_, _, err := admin.Profiles.Create(t.Context(), s, actor, "elsewhere", create)
		require.True(t, errs.Is(err, errs.Forbidden), "%v", err)
		require.Zero(t, at(t, s, "elsewhere"))

		crossing := actor
		crossing.AnyTenant = true
		theirs, _, err := admin.Profiles.Create(t.Context(), s, crossing, "elsewhere", create)
		require.NoError(t, err)
		require.Equal(t, "elsewhere", theirs.TenantKey)
		created := at(t, s, "elsewhere")
		require.Positive(t, created.Revision)

		_, _, err = admin.Profiles.Get(t.Context(), s, actor, theirs.ID.String())
		require.True(t, errs.Is(err, errs.NotFound), "%v", err)
		_, _, err = admin.Profiles.Update(t.Context(), s, actor, theirs.ID.String(), "", []byte(`{"profile_key":"mine"}`))
		require.True(t, errs.Is(err, errs.NotFound), "%v", err)
		err = admin.Profiles.Delete(t.Context(), s, actor, theirs.ID.String(), "")
		require.True(t, errs.Is(err, errs.NotFound), "%v", err)
		err = admin.Profiles.Delete(t.Context(), s, actor, uuid.New().String(), "")
		require.True(t, errs.Is(err, errs.NotFound), "a row of another tenant and none look the same: %v", err)

		require.Equal(t, "elsewhere", *identity.Caller{TenantKey: "elsewhere"}.Scope())
		require.Nil(t, crossing.Scope())
		_, _, err = admin.Profiles.Update(t.Context(), s, crossing, theirs.ID.String(), "", []byte(`{"profile_key":"q"}`))
		require.NoError(t, err)
		require.Greater(t, at(t, s, "elsewhere").Revision, created.Revision, "of the row's tenant, not the actor's")
		require.Zero(t, at(t, s, "default"))
	})
}
