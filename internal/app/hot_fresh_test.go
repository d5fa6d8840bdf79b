package app_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// moving is a world that an admin changes, and what a bootstrap has to show of it.
type moving struct {
	*lab
	profiles [2]model.Profile
	bound    int    // the profile that the principal is bound to
	caps     [2]int // capabilities.n of each profile
	policy   [2]int // policy.n of each
	manifest int    // services.n
	version  int64  // of the manifest
	override int    // polling.n, by the binding's overrides
	secret   uuid.UUID
	secrets  []string // the names in required_env
	refused  string   // the code of the refusal; empty is a packet
}

func newMoving(t *testing.T, a *apptest.App) *moving {
	t.Helper()
	m := &moving{lab: newLab(t, a), version: 1, secrets: []string{"S0"}}
	m.admin = patient(t, a, apptest.AdminKey)
	m.profiles = [2]model.Profile{m.profile, m.addProfile(t)}
	m.secret = apptest.Got(m.admin.CreateSecretRefWithResponse(t.Context(), nil, model.SecretRefCreate{SecretKey: "s", RefKind: "env", RefName: "S0"})).Is(t, 201).JSON201.ID
	for i := range m.profiles {
		apptest.Got(m.admin.UpdateProfileWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), m.profiles[i].ID.String(), nil,
			patch(`{"capabilities":{"n":0,"read":null},"policy":{"n":0,"rate":null}}`))).Is(t, 200)
	}
	apptest.Got(m.admin.UpdateManifestWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), m.lab.manifest.ID.String(), nil,
		patch(`{"services":{"n":0,"gate":null}}`))).Is(t, 200)
	m.version++
	m.setOverride(t, m.admin, 0)
	return m
}

func (m *moving) setOverride(t *testing.T, admin *client.ClientWithResponses, n int) {
	t.Helper()
	apptest.Got(admin.UpdateBindingWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), m.binding.ID, nil,
		patch(fmt.Sprintf(`{"overrides":{"polling":{"n":%d}}}`, n)))).Is(t, 200)
	m.override = n
}

// steps are the changes of a world, of which each bootstrap that follows must
// show the last. n is new each time.
var steps = []func(t *testing.T, m *moving, admin *client.ClientWithResponses, n int){
	func(t *testing.T, m *moving, admin *client.ClientWithResponses, n int) {
		apptest.Got(admin.UpdateProfileWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), m.profiles[m.bound].ID.String(), nil,
			patch(fmt.Sprintf(`{"capabilities":{"n":%d}}`, n)))).Is(t, 200)
		m.caps[m.bound] = n
	},
	func(t *testing.T, m *moving, admin *client.ClientWithResponses, n int) {
		apptest.Got(admin.UpdateManifestWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), m.lab.manifest.ID.String(), nil,
			patch(fmt.Sprintf(`{"services":{"n":%d}}`, n)))).Is(t, 200)
		m.manifest, m.version = n, m.version+1
	},
	func(t *testing.T, m *moving, admin *client.ClientWithResponses, n int) { m.setOverride(t, admin, n) },
	func(t *testing.T, m *moving, admin *client.ClientWithResponses, n int) {
		apptest.Got(admin.UpdateSecretRefWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), m.secret.String(), nil,
			patch(fmt.Sprintf(`{"ref_name":"S%d","status":"active"}`, n)))).Is(t, 200)
		m.secrets = []string{fmt.Sprintf("S%d", n)}
	},
	func(t *testing.T, m *moving, admin *client.ClientWithResponses, _ int) {
		m.setPrincipal(t, admin, "disabled")
		m.refused = "FORBIDDEN"
	},
	func(t *testing.T, m *moving, admin *client.ClientWithResponses, _ int) {
		m.setPrincipal(t, admin, "active")
		m.refused = ""
	},
	func(t *testing.T, m *moving, admin *client.ClientWithResponses, n int) { // to the other profile
		m.bound = 1 - m.bound
		b := m.newBinding()
		b.ProfileID, b.Overrides = m.profiles[m.bound].ID.String(), patch(fmt.Sprintf(`{"polling":{"n":%d}}`, n))
		m.binding = *apptest.Got(admin.CreateBindingWithResponse(t.Context(), nil, b)).Is(t, 201).JSON201
		m.override = n
	},
	func(t *testing.T, m *moving, admin *client.ClientWithResponses, _ int) {
		m.setBinding(t, admin, false)
		m.refused = "NO_BINDING"
	},
	func(t *testing.T, m *moving, admin *client.ClientWithResponses, _ int) {
		m.setBinding(t, admin, true)
		m.refused = ""
	},
	func(t *testing.T, m *moving, admin *client.ClientWithResponses, _ int) {
		m.setAllowed(t, admin, `["another"]`)
		m.refused = "COMPONENT_NOT_PERMITTED"
	},
	func(t *testing.T, m *moving, admin *client.ClientWithResponses, _ int) {
		m.setAllowed(t, admin, `null`)
		m.refused = ""
	},
	func(t *testing.T, m *moving, admin *client.ClientWithResponses, n int) {
		world := model.World{Profiles: []model.ProfileCreate{{
			ProfileKey: m.profiles[m.bound].ProfileKey, StartupSLASeconds: 3600,
			Capabilities: patch(fmt.Sprintf(`{"n":%d}`, m.caps[m.bound])), Policy: patch(fmt.Sprintf(`{"n":%d}`, n)),
		}}}
		apptest.Got(admin.ApplyWorldWithResponse(t.Context(), nil, world)).Is(t, 200)
		m.policy[m.bound] = n
	},
	func(t *testing.T, m *moving, admin *client.ClientWithResponses, _ int) {
		apptest.Got(admin.UpdateSecretRefWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), m.secret.String(), nil, patch(`{"status":"disabled"}`))).Is(t, 200)
		m.secrets = []string{}
	},
}

func (m *moving) setPrincipal(t *testing.T, admin *client.ClientWithResponses, status string) {
	t.Helper()
	apptest.Got(admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), m.principal.ID.String(), nil,
		patch(`{"status":"`+status+`"}`))).Is(t, 200)
}

func (m *moving) setBinding(t *testing.T, admin *client.ClientWithResponses, active bool) {
	t.Helper()
	apptest.Got(admin.UpdateBindingWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), m.binding.ID, nil,
		patch(fmt.Sprintf(`{"active":%t}`, active)))).Is(t, 200)
}

func (m *moving) setAllowed(t *testing.T, admin *client.ClientWithResponses, list string) {
	t.Helper()
	apptest.Got(admin.UpdateProfileWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), m.profiles[m.bound].ID.String(), nil,
		patch(`{"capabilities":{"allowed_components":`+list+`}}`))).Is(t, 200)
}

// requireShown demands that a bootstrap on a shows the world as it is now, and
// that a 304 is of the same.
func (m *moving) requireShown(t *testing.T, a *apptest.App, what string) {
	t.Helper()
	c := patient(t, a, m.key.APIKey)
	call := apptest.Got(c.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"}))
	same := apptest.Got(c.BootstrapWithResponse(t.Context(), &model.BootstrapParams{IfNoneMatch: new("*")}, model.BootstrapRequest{ComponentKey: "c"}))
	if m.refused != "" {
		call.Fails(t, 403, m.refused)
		same.Fails(t, 403, m.refused)
		return
	}
	r := call.Is(t, 200)
	p, n := *r.JSON200, func(doc json.RawMessage) string { return literal(t, doc, "n") }
	got := []any{p.Profile, n(p.Capabilities), n(p.Policy), n(p.Services), p.ManifestVersion, n(p.Polling)}
	want := []any{
		m.profiles[m.bound].ProfileKey, fmt.Sprint(m.caps[m.bound]), fmt.Sprint(m.policy[m.bound]),
		fmt.Sprint(m.manifest), m.version, fmt.Sprint(m.override),
	}
	require.Equal(t, want, got, what)
	names := []string{}
	for _, s := range p.RequiredEnv {
		names = append(names, s.RefName)
	}
	require.Equal(t, m.secrets, names, what)
	require.Equal(t, etagOf(t, r.Body), p.PacketEtag, what)
	require.Equal(t, `"`+p.PacketEtag+`"`, same.Is(t, 304).HTTPResponse.Header.Get("ETag"), what)
}

// requireFresh changes the world 200 times: one server writes, and both answer
// at once, in turns.
func requireFresh(t *testing.T, servers [2]*apptest.App) {
	t.Helper()
	m := newMoving(t, servers[0])
	for n := 1; n <= 200; n++ {
		step := n % len(steps)
		writer := servers[n/len(steps)%2]
		steps[step](t, m, patient(t, writer, apptest.AdminKey), n)
		for i := range 2 {
			m.requireShown(t, servers[(n+i)%2], fmt.Sprintf("round %d, step %d", n, step))
		}
	}
}

func TestABootstrapThatFollowsAChangeShowsIt(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		requireFresh(t, [2]*apptest.App{apptest.Start(t, url), apptest.Start(t, url)})
	})
}

func TestABootstrapThatFollowsAChangeByAnotherProcessShowsIt(t *testing.T) {
	t.Parallel()
	binary := buildMetagate(t)
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		requireFresh(t, [2]*apptest.App{spawn(t, binary, url).App, spawn(t, binary, url).App})
	})
}
