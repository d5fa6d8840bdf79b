package admin_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/world"
)

// stepping gives the service a clock of its own, and tells where a write leaves the
// tenant: whether its epoch changed.
func stepping(t *testing.T, s *admin.Service) (now *time.Time, moved func(name string, err error) bool) {
	t.Helper()
	now = new(store.Now())
	s.Now = func() time.Time { return *now }
	before := at(t, s, "default")
	return now, func(name string, err error) bool {
		t.Helper()
		require.NoError(t, err, name)
		after := at(t, s, "default")
		require.Equal(t, max(before.Revision+1, now.UnixMicro()), after.Revision, name)
		require.Positive(t, after.Epoch, name)
		was := before
		before = after
		return was.Epoch != after.Epoch
	}
}

func TestTheRevisionRisesWithTheClockAndByOneWhereThatStandsOrGoesBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		now, moved := stepping(t, s)
		start := now.UnixMicro()
		for i, c := range []struct {
			step time.Duration
			want int64
		}{{0, 0}, {0, 1}, {-time.Hour, 2}, {time.Hour + time.Microsecond, 3}, {time.Minute, 60_000_001}} {
			*now = now.Add(c.step)
			_, _, err := admin.Profiles.Create(t.Context(), s, actor, "", model.ProfileCreate{ProfileKey: string(rune('a' + i))})
			moved("create", err)
			require.Equal(t, start+c.want, at(t, s, "default").Revision)
		}
	})
}

// made is what the writes before have made.
type made struct {
	principal, second model.Principal
	profile, spare    model.Profile
	manifest          model.Manifest
	binding           model.Binding
	secret            model.SecretRef
	key               model.APIKeyIssued
}

func TestOnlyAWriteThatCanChangeAnAnswerChangesTheEpoch(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		_, _, err := admin.Profiles.Create(t.Context(), s, actor, "", model.ProfileCreate{ProfileKey: "first"})
		require.NoError(t, err) // the tenant has an epoch
		_, moved := stepping(t, s)
		var m made
		for _, c := range []struct {
			name  string
			moves bool
			do    func() error
		}{
			{"a new principal", false, func() (err error) {
				m.principal, _, err = admin.Principals.Create(t.Context(), s, actor, "", model.PrincipalCreate{PrincipalKey: "p", AuthSubject: "p@x"})
				return err
			}},
			{"another one", false, func() (err error) {
				m.second, _, err = admin.Principals.Create(t.Context(), s, actor, "", model.PrincipalCreate{PrincipalKey: "q", AuthSubject: "q@x"})
				return err
			}},
			{"a new profile", false, func() (err error) {
				m.profile, _, err = admin.Profiles.Create(t.Context(), s, actor, "", model.ProfileCreate{ProfileKey: "f"})
				return err
			}},
			{"a spare profile", false, func() (err error) {
				m.spare, _, err = admin.Profiles.Create(t.Context(), s, actor, "", model.ProfileCreate{ProfileKey: "g"})
				return err
			}},
			{"a new manifest", false, func() (err error) {
				m.manifest, _, err = admin.Manifests.Create(t.Context(), s, actor, "", model.ManifestCreate{ManifestKey: "m"})
				return err
			}},
			{"a new key", true, func() (err error) {
				m.key, _, err = s.IssueKey(t.Context(), actor, model.APIKeyCreate{PrincipalID: m.principal.ID.String(), Name: "k"})
				return err
			}},
			{"a binding that is not active", false, func() (err error) {
				m.binding, _, err = admin.Bindings.Create(t.Context(), s, actor, "", m.bind(false))
				return err
			}},
			{"its overrides", false, func() error { return patch(t, s, admin.Bindings, m.binding.ID, `{"overrides":{"policy":{"a":1}}}`) }},
			{"it becomes active", true, func() error { return patch(t, s, admin.Bindings, m.binding.ID, `{"active":true}`) }},
			{"its overrides then", true, func() error { return patch(t, s, admin.Bindings, m.binding.ID, `{"overrides":{"policy":{"a":2}}}`) }},
			{"the profile", true, func() error { return patch(t, s, admin.Profiles, m.profile.ID, `{"policy":{"a":1}}`) }},
			{"the manifest", true, func() error { return patch(t, s, admin.Manifests, m.manifest.ID, `{"services":{"a":{}}}`) }},
			{"the principal", true, func() error { return patch(t, s, admin.Principals, m.principal.ID, `{"status":"disabled"}`) }},
			{"the key", true, func() error {
				return patch(t, s, admin.APIKeys, m.key.ID, `{"expires_at":"2100-01-01T00:00:00Z"}`)
			}},
			{"the key is revoked", true, func() error { return admin.APIKeys.Delete(t.Context(), s, actor, m.key.ID.String(), "") }},
			{"it is active no longer", true, func() error { return patch(t, s, admin.Bindings, m.binding.ID, `{"active":false}`) }},
			{"it goes", false, func() error { return admin.Bindings.Delete(t.Context(), s, actor, m.binding.ID.String(), "") }},
			{"a binding that is active", true, func() (err error) {
				m.binding, _, err = admin.Bindings.Create(t.Context(), s, actor, "", m.bind(true))
				return err
			}},
			{"a profile that nothing binds goes", false, func() error { return admin.Profiles.Delete(t.Context(), s, actor, m.spare.ID.String(), "") }},
			{"the active binding goes", true, func() error { return admin.Bindings.Delete(t.Context(), s, actor, m.binding.ID.String(), "") }},
			{"the manifest goes", false, func() error { return admin.Manifests.Delete(t.Context(), s, actor, m.manifest.ID.String(), "") }},
			{"a principal goes, with its keys", true, func() error { return admin.Principals.Delete(t.Context(), s, actor, m.principal.ID.String(), "") }},
			{"a disabled secret", false, func() (err error) {
				m.secret, _, err = admin.SecretRefs.Create(t.Context(), s, actor, "", secretRef("s", model.SecretRefStatusDisabled))
				return err
			}},
			{"its name", false, func() error { return patch(t, s, admin.SecretRefs, m.secret.ID, `{"ref_name":"T"}`) }},
			{"it becomes active", true, func() error { return patch(t, s, admin.SecretRefs, m.secret.ID, `{"status":"active"}`) }},
			{"its name then", true, func() error { return patch(t, s, admin.SecretRefs, m.secret.ID, `{"ref_name":"U"}`) }},
			{"it is disabled", true, func() error { return patch(t, s, admin.SecretRefs, m.secret.ID, `{"status":"disabled"}`) }},
			{"a disabled secret goes", false, func() error { return admin.SecretRefs.Delete(t.Context(), s, actor, m.secret.ID.String(), "") }},
			{"an active secret", true, func() (err error) {
				m.secret, _, err = admin.SecretRefs.Create(t.Context(), s, actor, "", secretRef("s", model.SecretRefStatusActive))
				return err
			}},
			{"an active secret goes", true, func() error { return admin.SecretRefs.Delete(t.Context(), s, actor, m.secret.ID.String(), "") }},
			{"an alarm is acknowledged", false, func() error {
				_, err := s.Acknowledge(t.Context(), actor, overdue(t, s, m.second.ID), "known")
				return err
			}},
		} {
			require.Equal(t, c.moves, moved(c.name, c.do()), c.name)
		}
	})
}

func TestAnApplyChangesTheEpochOnlyIfWhatItAppliesCan(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		_, moved := stepping(t, s)
		apply := func(w model.World) error {
			_, err := (&world.Service{Admin: s}).Apply(t.Context(), actor, world.Apply{World: w})
			return err
		}
		spare := func(suffix string) model.World {
			return model.World{
				Profiles:   []model.ProfileCreate{{ProfileKey: "f" + suffix}},
				Manifests:  []model.ManifestCreate{{ManifestKey: "m" + suffix}},
				Principals: []model.PrincipalCreate{{PrincipalKey: "p" + suffix, AuthSubject: "p@x" + suffix}},
				SecretRefs: []model.SecretRefCreate{secretRef("s"+suffix, model.SecretRefStatusDisabled)},
			}
		}
		moved("the first one", apply(spare("1")))
		require.False(t, moved("what nothing binds", apply(spare("2"))))

		off := spare("3")
		off.Bindings = []model.WorldBinding{{Principal: "p3", Profile: "f3", Manifest: "m3", Active: new(false)}}
		require.False(t, moved("bound, but not actively", apply(off)))
		off.Bindings[0].Active = nil
		require.True(t, moved("bound", apply(off)))
		require.True(t, moved("a changed profile", apply(model.World{Profiles: []model.ProfileCreate{{ProfileKey: "f3", Policy: json.RawMessage(`{"a":1}`)}}})))
		require.True(t, moved("an active secret", apply(model.World{SecretRefs: []model.SecretRefCreate{secretRef("s3", model.SecretRefStatusActive)}})))

		before := at(t, s, "default")
		require.NoError(t, apply(spare("2")))
		_, err := (&world.Service{Admin: s}).Apply(t.Context(), actor, world.Apply{World: spare("4"), DryRun: true})
		require.NoError(t, err)
		require.Equal(t, before, at(t, s, "default"), "nothing was written")
	})
}

func (m made) bind(active bool) model.BindingCreate {
	return model.BindingCreate{PrincipalID: m.principal.ID.String(), ProfileID: m.profile.ID.String(), ManifestID: m.manifest.ID.String(), Active: &active}
}

func secretRef(key string, status model.SecretRefStatus) model.SecretRefCreate {
	return model.SecretRefCreate{SecretKey: key, RefKind: model.RefKindEnv, RefName: "S", Status: status}
}

func patch[R, C, V any](t *testing.T, s *admin.Service, k *admin.Kind[R, C, V], id uuid.UUID, doc string) error {
	t.Helper()
	_, _, err := k.Update(t.Context(), s, actor, id.String(), "", []byte(doc))
	return err
}

// overdue opens a startup that is past its deadline.
func overdue(t *testing.T, s *admin.Service, principal uuid.UUID) uuid.UUID {
	t.Helper()
	opened := s.Now().Add(-time.Hour)
	p := store.OpenStartupParams{
		ID: store.NewID(opened), TenantKey: "default", Epoch: at(t, s, "default").Epoch, Source: "live",
		PrincipalID: principal, PacketID: uuid.New(), OpenedAt: opened, DeadlineAt: opened.Add(time.Minute),
	}
	n, err := s.Store.OpenStartup(t.Context(), p)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	return p.ID
}

func TestTheFirstWordOnAnAlarmCounts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *admin.Service) {
		_, err := s.Acknowledge(t.Context(), actor, uuid.New(), "none")
		require.True(t, errs.Is(err, errs.SessionNotFound), "%v", err)
		p, err := s.SeedDemo(t.Context())
		require.NoError(t, err)
		id := overdue(t, s, p.ID)
		_, err = s.Acknowledge(t.Context(), identity.Caller{PrincipalKey: "root", TenantKey: "elsewhere"}, id, "not mine")
		require.True(t, errs.Is(err, errs.SessionNotFound), "%v", err)

		first, err := s.Acknowledge(t.Context(), actor, id, "known")
		require.NoError(t, err)
		require.Equal(t, []string{"root", "known"}, []string{*first.AcknowledgedBy, *first.AcknowledgedReason})
		log, before := audit(t, s), at(t, s, "default")
		again, err := s.Acknowledge(t.Context(), identity.Caller{PrincipalKey: "another", TenantKey: "default"}, id, "too late")
		require.NoError(t, err)
		require.Equal(t, first, again)
		require.Equal(t, log, audit(t, s))
		require.Equal(t, before, at(t, s, "default"))
	})
}
