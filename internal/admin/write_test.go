package admin_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

func TestARefusedWriteLeavesNoTrace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		p, _, err := admin.Profiles.Create(t.Context(), s, actor, "", model.ProfileCreate{ProfileKey: "p"})
		require.NoError(t, err)
		_, _, err = admin.Profiles.Create(t.Context(), s, actor, "", model.ProfileCreate{ProfileKey: "q"})
		require.NoError(t, err)
		log, before := audit(t, s), at(t, s, "default")
		for name, refused := range map[string]struct {
			code errs.Code
			do   func() error
		}{
			"duplicate": {errs.AlreadyExists, func() error {
				_, _, err := admin.Profiles.Create(t.Context(), s, actor, "", model.ProfileCreate{ProfileKey: "p"})
				return err
			}},
			"forbidden": {errs.ForbiddenKeys, func() error {
				_, _, err := admin.Profiles.Create(t.Context(), s, actor, "", model.ProfileCreate{ProfileKey: "r", Policy: json.RawMessage(`{"jobs":1}`)})
				return err
			}},
			"patched to a duplicate": {errs.AlreadyExists, func() error {
				_, _, err := admin.Profiles.Update(t.Context(), s, actor, p.ID.String(), "", []byte(`{"profile_key":"q"}`))
				return err
			}},
			"patched to be forbidden": {errs.ForbiddenKeys, func() error {
				_, _, err := admin.Profiles.Update(t.Context(), s, actor, p.ID.String(), "", []byte(`{"policy":{"a":{"jobs":null,"Jobs":1}}}`))
				return err
			}},
			"patched to be too large": {errs.TooLarge, func() error {
				_, _, err := admin.Profiles.Update(t.Context(), s, actor, p.ID.String(), "", []byte(`{"policy":{"a":"`+strings.Repeat("x", 4096)+`"}}`))
				return err
			}},
			"stale patch": {errs.PreconditionFailed, func() error {
				_, _, err := admin.Profiles.Update(t.Context(), s, actor, p.ID.String(), `"stale"`, []byte(`{"profile_key":"r"}`))
				return err
			}},
			"stale delete": {errs.PreconditionFailed, func() error { return admin.Profiles.Delete(t.Context(), s, actor, p.ID.String(), `"stale"`) }},
			"dangling": {errs.InvalidReference, func() error {
				_, _, err := admin.Bindings.Create(t.Context(), s, actor, "", model.BindingCreate{PrincipalID: uuid.New().String(), ProfileID: p.ID.String(), ManifestID: uuid.New().String()})
				return err
			}},
			"no principal": {errs.InvalidReference, func() error {
				_, _, err := s.IssueKey(t.Context(), actor, model.APIKeyCreate{PrincipalID: uuid.New().String(), Name: "k"})
				return err
			}},
		} {
			err := refused.do()
			require.True(t, errs.Is(err, refused.code), "%s: %v", name, err)
			require.Equal(t, log, audit(t, s), name)
			require.Equal(t, before, at(t, s, "default"), name)
		}
	})
}

func TestAPatchThatChangesNothingWritesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		created, tag, err := admin.Manifests.Create(t.Context(), s, actor, "", model.ManifestCreate{
			ManifestKey: "m", Services: json.RawMessage(`{"b":{"x":1.10},"a":[1, 2]}`),
		})
		require.NoError(t, err)
		log, before := audit(t, s), at(t, s, "default")
		for _, patch := range []string{
			`{}`, `{"manifest_key":"m"}`, `{"services":{}}`, `{"services":{"a":[1,2],"b":{"x":1.10}}}`, `{"services":{"gone":null}}`,
			`{"deployment_key":"default","polling":{}}`,
		} {
			got, same, err := admin.Manifests.Update(t.Context(), s, actor, created.ID.String(), tag, []byte(patch))
			require.NoError(t, err)
			require.Equal(t, created, got, patch)
			require.Equal(t, tag, same, patch)
		}
		require.Equal(t, log, audit(t, s))
		require.Equal(t, before, at(t, s, "default"))

		got, changed, err := admin.Manifests.Update(t.Context(), s, actor, created.ID.String(), tag, []byte(`{"services":{"b":{"x":1.1}}}`))
		require.NoError(t, err)
		require.EqualValues(t, 2, got.Version, "1.1 isn't 1.10")
		require.NotEqual(t, tag, changed)
		require.Len(t, audit(t, s), len(log)+1)
	})
}

func TestEveryWriteChangesTheETagEvenIfAChangeIsTakenBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		p, first, err := admin.Profiles.Create(t.Context(), s, actor, "", model.ProfileCreate{ProfileKey: "p"})
		require.NoError(t, err)
		seen := map[string]bool{first: true}
		for _, key := range []string{"q", "p", "q", "p"} {
			_, tag, err := admin.Profiles.Update(t.Context(), s, actor, p.ID.String(), "", []byte(`{"profile_key":"`+key+`"}`))
			require.NoError(t, err)
			require.False(t, seen[tag])
			seen[tag] = true
			_, got, err := admin.Profiles.Get(t.Context(), s, actor, p.ID.String())
			require.NoError(t, err)
			require.Equal(t, tag, got)
		}
	})
}

func TestAKeyThatWouldBeExpiredFromTheStartIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		p, err := s.SeedDemo(t.Context())
		require.NoError(t, err)
		now := store.Now()
		s.Now = func() time.Time { return now }
		c := admin.KeyFor(p, "k")
		for _, late := range []time.Time{now, now.Add(-time.Microsecond), {}} {
			c.ExpiresAt = nullable.NewNullableWithValue(late)
			_, _, err = s.IssueKey(t.Context(), actor, c)
			require.True(t, errs.Is(err, errs.InvalidRequest), "%v", err)
		}
		c.ExpiresAt = nullable.NewNullableWithValue(now.Add(time.Second + 999*time.Nanosecond).In(time.FixedZone("east", 3600)))
		issued, _, err := s.IssueKey(t.Context(), actor, c)
		require.NoError(t, err)
		require.Equal(t, now.Add(time.Second), issued.ExpiresAt.MustGet(), "UTC and whole microseconds")
	})
}
