package app_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// active lists the active bindings of the lab's principal.
func (l *lab) active(t *testing.T) []model.Binding {
	t.Helper()
	rows, _ := adminList[model.Binding](t, l.App, "bindings?active=true&principal_id="+l.principal.ID.String())
	return rows
}

func TestAnActiveBindingTakesThePlaceOfTheOneBefore(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, other := newLab(t, a), newLab(t, a)
		c := l.newBinding()
		c.Active, c.Overrides = new(false), []byte(`{"policy":{"second":true}}`)
		second := *apptest.Got(l.admin.CreateBindingWithResponse(t.Context(), nil, c)).Is(t, 201).JSON201
		require.False(t, second.Active)
		require.Equal(t, []model.Binding{l.binding}, l.active(t))

		c.Active = nil
		third := *apptest.Got(l.admin.CreateBindingWithResponse(t.Context(), nil, c)).Is(t, 201).JSON201
		require.Equal(t, []model.Binding{third}, l.active(t), "a new one is active unless it says otherwise")
		require.JSONEq(t, `{"rate":1.10,"second":true}`, string(l.start(t, "c").Policy))

		patched := *apptest.Got(l.admin.UpdateBindingWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.binding.ID, nil,
			[]byte(`{"active":true}`))).Is(t, 200).JSON200
		require.Equal(t, []model.Binding{patched}, l.active(t))
		require.JSONEq(t, `{"rate":1.10}`, string(l.start(t, "c").Policy))
		require.Equal(t, []model.Binding{other.binding}, other.active(t), "another's stays")

		log, _ := adminList[model.AuditEntry](t, a, "audit-log?resource_type=binding&resource_id="+third.ID.String())
		require.Len(t, log, 2, "created, and made way")
		require.Contains(t, string(log[0].Before.MustGet()), `"active":true`)
		require.Contains(t, string(log[0].After.MustGet()), `"active":false`)
	})
}

func TestOfManyActiveBindingsAtOnceOneIsActive(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		const writers = 12
		l := newLab(t, a)
		var wg sync.WaitGroup
		failed := make(chan error, writers*2)
		stop, watched := make(chan struct{}), make(chan struct{})
		go func() { // whoever looks in between sees one, too
			defer close(watched)
			for {
				select {
				case <-stop:
					return
				default:
				}
				rows, err := a.Store.ListBindings(t.Context(), store.ListBindingsParams{PrincipalID: &l.principal.ID, Active: new(true), RowLimit: 10})
				if err != nil || len(rows) != 1 {
					failed <- fmt.Errorf("%d active bindings: %w", len(rows), err)
					return
				}
			}
		}()
		for range writers {
			wg.Go(func() {
				r, err := l.admin.CreateBindingWithResponse(t.Context(), nil, l.newBinding())
				if err != nil || r.StatusCode() != 201 {
					failed <- fmt.Errorf("create: %v %w", r, err)
				}
			})
		}
		wg.Wait()
		close(stop)
		<-watched
		select {
		case err := <-failed:
			require.NoError(t, err)
		default:
		}
		require.Len(t, l.active(t), 1)
		all, _ := adminList[model.Binding](t, a, "bindings?principal_id="+l.principal.ID.String())
		require.Len(t, all, writers+1)
		l.start(t, "c")
	})
}

func TestWhatABindingUsesCantBeDeleted(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, w := newLab(t, a), wire{a, apptest.AdminKey}
		for _, active := range []string{"true", "false"} { // an inactive one uses it, too
			apptest.Got(l.admin.UpdateBindingWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.binding.ID, nil,
				[]byte(`{"active":`+active+`}`))).Is(t, 200)
			all := w.census(t)
			apptest.Got(l.admin.DeleteProfileWithResponse(t.Context(), l.profile.ID.String(), nil)).Fails(t, 409, "IN_USE")
			apptest.Got(l.admin.DeleteManifestWithResponse(t.Context(), l.manifest.ID.String(), nil)).Fails(t, 409, "IN_USE")
			require.Equal(t, all, w.census(t))
		}
		apptest.Got(l.admin.DeleteBindingWithResponse(t.Context(), l.binding.ID, nil)).Is(t, 204)
		apptest.Got(l.admin.DeleteProfileWithResponse(t.Context(), l.profile.ID.String(), nil)).Is(t, 204)
		apptest.Got(l.admin.DeleteManifestWithResponse(t.Context(), l.manifest.ID.String(), nil)).Is(t, 204)
		apptest.Got(l.admin.GetProfileWithResponse(t.Context(), l.profile.ID.String())).Fails(t, 404, "NOT_FOUND")
		apptest.Got(l.admin.GetManifestWithResponse(t.Context(), l.manifest.ID.String())).Fails(t, 404, "NOT_FOUND")
		apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Fails(t, 403, "NO_BINDING")
	})
}

func TestAPrincipalTakesItsBindingsAndKeysAlongAndLeavesItsReceipts(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		done, open := l.start(t, "c").Startup.StartupID, l.start(t, "c").Startup.StartupID
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(done))).Is(t, 200)
		receipts := []model.StartupSession{l.get(t, open), l.get(t, done)}
		apptest.Got(l.admin.DeletePrincipalWithResponse(t.Context(), l.principal.ID.String(), nil)).Is(t, 204)

		apptest.Got(l.admin.GetPrincipalWithResponse(t.Context(), l.principal.ID.String())).Fails(t, 404, "NOT_FOUND")
		apptest.Got(l.admin.GetBindingWithResponse(t.Context(), l.binding.ID)).Fails(t, 404, "NOT_FOUND")
		apptest.Got(l.admin.GetAPIKeyWithResponse(t.Context(), l.key.ID)).Fails(t, 404, "NOT_FOUND")
		apptest.Got(l.component.GetStartupWithResponse(t.Context(), open)).Fails(t, 401, "UNAUTHENTICATED")
		left, _ := adminList[model.StartupSession](t, a, "startups?principal_key="+l.principal.PrincipalKey)
		require.Equal(t, receipts, left)
		apptest.Got(l.admin.ReportFailedWithResponse(t.Context(), failed(open))).Is(t, 200) // an admin can still close it
		apptest.Got(l.admin.DeletePrincipalWithResponse(t.Context(), l.principal.ID.String(), nil)).Fails(t, 404, "NOT_FOUND")
	})
}

func TestADuplicateIsRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, other := newLab(t, a), newLab(t, a)
		create := func(key, subject, tenant string) apptest.Call[apptest.Result] {
			r, err := l.admin.CreatePrincipalWithResponse(t.Context(), nil, model.PrincipalCreate{PrincipalKey: key, AuthSubject: subject, TenantKey: tenant})
			return apptest.Got[apptest.Result](r, err)
		}
		create(l.principal.PrincipalKey, "fresh", "").Fails(t, 409, "ALREADY_EXISTS")
		create("fresh", l.principal.AuthSubject, "").Fails(t, 409, "ALREADY_EXISTS")
		apptest.Got(l.admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), other.principal.ID.String(), nil,
			[]byte(`{"auth_subject":"`+l.principal.AuthSubject+`"}`))).Fails(t, 409, "ALREADY_EXISTS")
		apptest.Got(l.admin.CreateProfileWithResponse(t.Context(), nil, model.ProfileCreate{ProfileKey: l.profile.ProfileKey})).Fails(t, 409, "ALREADY_EXISTS")
		apptest.Got(l.admin.CreateManifestWithResponse(t.Context(), nil, model.ManifestCreate{ManifestKey: l.manifest.ManifestKey})).Fails(t, 409, "ALREADY_EXISTS")
		secret := model.SecretRefCreate{SecretKey: "s", RefKind: model.RefKindEnv, RefName: "S"}
		apptest.Got(l.admin.CreateSecretRefWithResponse(t.Context(), nil, secret)).Is(t, 201)
		apptest.Got(l.admin.CreateSecretRefWithResponse(t.Context(), nil, secret)).Fails(t, 409, "ALREADY_EXISTS")

		// A key is unique in its tenant, a subject in all of them: put one there behind the API.
		_, err := a.Store.CreatePrincipal(t.Context(), store.CreatePrincipalParams{
			ID: uuid.New(), TenantKey: "elsewhere", PrincipalKey: "theirs", AuthSubject: "their subject", PrincipalType: "component",
			Status: "active", CreatedAt: store.Now(), UpdatedAt: store.Now(),
		})
		require.NoError(t, err)
		create("mine", "their subject", "").Fails(t, 409, "ALREADY_EXISTS")
		create("theirs", "my subject", "").Is(t, 201)
	})
}

func TestAPatchAddsNoMoreLabelsThanThereMayBe(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		label := func(from, to int) string {
			var all []string
			for n := from; n < to; n++ {
				all = append(all, fmt.Sprintf(`"l%d":"a"`, n))
			}
			return `{"labels":{` + strings.Join(all, ",") + `}}`
		}
		path := "/v1/admin/bindings/" + l.binding.ID.String()
		require.Equal(t, 200, adminWire(a).send(t, "PATCH", path, label(0, 16)).Status)
		p := adminWire(a).send(t, "PATCH", path, label(16, 18)).refused(t, 400, "INVALID_REQUEST")
		require.Equal(t, []string{"/labels would be 18: at most 16"}, details(p))
		require.Equal(t, 200, adminWire(a).send(t, "PATCH", path, `{"expected":{"components":["c"],"instances":2.0}}`).Status)
		got := apptest.Got(l.admin.GetBindingWithResponse(t.Context(), l.binding.ID)).Is(t, 200).JSON200
		require.JSONEq(t, `{"components":["c"],"instances":2}`, string(got.Expected))
		require.NotContains(t, string(got.Expected), "2.0")
	})
}
