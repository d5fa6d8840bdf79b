package app_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func jsonOf(t *testing.T, doc []byte) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.Unmarshal(doc, &out))
	return out
}

// awkward is a document that a detour over doubles, maps or jsonb would change.
const awkward = `{"z":12345678901234567890,"a":1.10,"huge":1e400,"tiny":-1E-400,"zero":-0.0,"e":{},"l":[],"deep":{"a":{"b":{}},"l":[{},[]]},"":null,` +
	`"ünï":"\u2028</script>","s":"1.10","big":123456789012345678901234567890.123456789}`

const awkwardEtag = "ead61f18a1c2d0bc5b579cdd4e614b38d7a79e99249ca065dfbfbd7109cd67a6"

// soleComponent is one principal with its own profile, manifest and binding.
type soleComponent struct {
	principal, profile, manifest, binding uuid.UUID
	key                                   string
}

func newComponent(t *testing.T, a *apptest.App, profile model.ProfileCreate, manifest model.ManifestCreate, overrides string) (c soleComponent) {
	t.Helper()
	ctx, admin := t.Context(), a.AdminClient(t)
	profile.ProfileKey, manifest.ManifestKey = "profile", "manifest"
	c.principal = apptest.Got(admin.CreatePrincipalWithResponse(ctx, nil, model.PrincipalCreate{PrincipalKey: "sole", AuthSubject: "sole"})).Is(t, 201).JSON201.ID
	c.key = apptest.Got(admin.CreateAPIKeyWithResponse(ctx, nil, model.APIKeyCreate{PrincipalID: c.principal.String(), Name: "k"})).Is(t, 201).JSON201.APIKey
	c.profile = apptest.Got(admin.CreateProfileWithResponse(ctx, nil, profile)).Is(t, 201).JSON201.ID
	c.manifest = apptest.Got(admin.CreateManifestWithResponse(ctx, nil, manifest)).Is(t, 201).JSON201.ID
	c.binding = apptest.Got(admin.CreateBindingWithResponse(ctx, nil, model.BindingCreate{
		PrincipalID: c.principal.String(), ProfileID: c.profile.String(), ManifestID: c.manifest.String(), Overrides: patch(overrides),
	})).Is(t, 201).JSON201.ID
	return c
}

// literal is a member of a JSON object as its text stands in the body.
func literal(t *testing.T, body []byte, member string) string {
	t.Helper()
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(body, &all))
	return string(all[member])
}

func TestDocumentsReachThePacketAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		doc := patch(awkward)
		c := newComponent(t, a, model.ProfileCreate{Capabilities: doc, Policy: doc},
			model.ManifestCreate{Environment: doc, Services: doc, MemoryMap: doc, Polling: doc, Schemas: doc}, `{}`)
		s := startOf(t, a, c.key, "c")
		manifest := apptest.Got(a.AdminClient(t).GetManifestWithResponse(t.Context(), c.manifest.String())).Is(t, 200).Body
		profile := apptest.Got(a.AdminClient(t).GetProfileWithResponse(t.Context(), c.profile.String())).Is(t, 200).Body
		for _, section := range []string{"capabilities", "policy", "environment", "services", "memory_map", "polling", "schemas"} {
			requireLiteral(t, literal(t, s.body, section))
		}
		for _, section := range []string{"environment", "services", "memory_map", "polling", "schemas"} {
			requireLiteral(t, literal(t, manifest, section))
		}
		requireLiteral(t, literal(t, profile, "capabilities"))
		requireLiteral(t, literal(t, profile, "policy"))
		require.Equal(t, etagOf(t, s.body), s.packet.PacketEtag, "from the packet's own text")
		require.Equal(t, awkwardEtag, s.packet.PacketEtag, "the same on every engine and release")
	})
}

// requireLiteral compares texts: the escapes that Go's encoder adds aside,
// nothing may have been written anew.
func requireLiteral(t *testing.T, got string) {
	t.Helper()
	unescape := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", "\u2028", `\u2028`)
	require.Equal(t, awkward, unescape.Replace(got))
}

func TestOverridesAreMergedSectionBySectionAndNullRemovesAMember(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		doc := patch(`{"keep":1.0,"gone":{"a":1},"map":{"keep":1e400,"gone":2,"deep":{"x":1}},"list":[1,2],"scalar":5}`)
		change := `{"gone":null,"absent":null,"map":{"gone":null,"deep":{"y":2.50},"new":{}},"list":[{"a":null}],"scalar":{"now":"a map","dropped":null},"added":{"b":null,"c":12345678901234567890}}`
		merged := `{"keep":1.0,"map":{"keep":1e400,"deep":{"x":1,"y":2.50},"new":{}},"list":[{"a":null}],"scalar":{"now":"a map"},"added":{"c":12345678901234567890}}`
		sections := []string{"capabilities", "policy", "environment", "services", "memory_map", "polling", "schemas"}
		overrides := map[string]json.RawMessage{}
		for _, s := range sections {
			overrides[s] = patch(change)
		}
		text, err := json.Marshal(overrides)
		require.NoError(t, err)
		c := newComponent(t, a, model.ProfileCreate{Capabilities: doc, Policy: doc},
			model.ManifestCreate{Environment: doc, Services: doc, MemoryMap: doc, Polling: doc, Schemas: doc}, string(text))
		s := startOf(t, a, c.key, "c")
		for _, section := range sections {
			require.Equal(t, merged, literal(t, s.body, section), section)
		}
		require.Equal(t, etagOf(t, s.body), s.packet.PacketEtag)
		stored := apptest.Got(a.AdminClient(t).GetBindingWithResponse(t.Context(), c.binding)).Is(t, 200)
		require.Equal(t, string(text), string(stored.JSON200.Overrides), "a null in a patch is kept")
	})
}

func TestTheEtagChangesWhenAndOnlyWhenSomethingStableChanges(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin, ctx := a.AdminClient(t), t.Context()
		c := newComponent(t, a, model.ProfileCreate{Policy: patch(`{"n":1}`)}, model.ManifestCreate{Services: patch(`{"a":{"b":1}}`)}, `{}`)
		ref := apptest.Got(admin.CreateSecretRefWithResponse(ctx, nil, model.SecretRefCreate{SecretKey: "s", RefKind: "env", RefName: "S"})).Is(t, 201).JSON201.ID
		manifest := func(p string) {
			apptest.Got(admin.UpdateManifestWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, c.manifest.String(), nil, patch(p))).Is(t, 200)
		}
		profile := func(p string) {
			apptest.Got(admin.UpdateProfileWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, c.profile.String(), nil, patch(p))).Is(t, 200)
		}
		binding := func(p string) {
			apptest.Got(admin.UpdateBindingWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, c.binding, nil, patch(p))).Is(t, 200)
		}
		secret := func(p string) {
			apptest.Got(admin.UpdateSecretRefWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, ref.String(), nil, patch(p))).Is(t, 200)
		}
		principal := func(p string) {
			apptest.Got(admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, c.principal.String(), nil, patch(p))).Is(t, 200)
		}
		seen := map[string]string{}
		last := startOf(t, a, c.key, "c").packet
		seen[last.PacketEtag] = "the first"
		for _, step := range []struct {
			what    string
			do      func()
			changes bool
			version int64
		}{
			{"nothing happens", func() {}, false, 1},
			{"a patch changes nothing", func() { manifest(`{"services":{"a":{"b":1}}}`) }, false, 1},
			{"the SLA", func() { profile(`{"startup_sla_seconds":7}`) }, false, 1},
			{"the subject of its tokens", func() { principal(`{"auth_subject":"another"}`) }, false, 1},
			{"the type of the principal", func() { principal(`{"principal_type":"worker"}`) }, false, 1},
			{"a service", func() { manifest(`{"services":{"a":{"b":2}}}`) }, true, 2},
			{"the deployment, and with it the version", func() { manifest(`{"deployment_key":"x"}`) }, false, 3},
			{"another service", func() { manifest(`{"services":{"a":{"b":3}}}`) }, true, 4},
			{"a policy", func() { profile(`{"policy":{"n":2}}`) }, true, 4},
			{"a capability", func() { profile(`{"capabilities":{"c":{}}}`) }, true, 4},
			{"an override", func() { binding(`{"overrides":{"policy":{"n":3}}}`) }, true, 4},
			{"an override that says the same", func() { binding(`{"overrides":{"capabilities":{"c":{}}}}`) }, false, 4},
			{"a secret's name", func() { secret(`{"ref_name":"T"}`) }, true, 4},
			{"a secret's meta", func() { secret(`{"ref_meta":{"a":1}}`) }, true, 4},
			{"a secret that is disabled", func() { secret(`{"status":"disabled"}`) }, true, 4},
			{"the name of a disabled secret", func() { secret(`{"ref_name":"U"}`) }, false, 4},
			{"the profile's key", func() { profile(`{"profile_key":"renamed"}`) }, true, 4},
			{"the manifest's key", func() { manifest(`{"manifest_key":"renamed"}`) }, true, 5},
			{"the principal's key", func() { principal(`{"principal_key":"renamed"}`) }, true, 5},
		} {
			step.do()
			s := startOf(t, a, c.key, "c")
			require.Equal(t, step.version, s.packet.ManifestVersion, step.what)
			require.Equal(t, etagOf(t, s.body), s.packet.PacketEtag, step.what)
			if step.changes {
				require.NotContains(t, seen, s.packet.PacketEtag, "%s is %s again", step.what, seen[s.packet.PacketEtag])
			} else {
				require.Equal(t, last.PacketEtag, s.packet.PacketEtag, step.what)
			}
			last, seen[s.packet.PacketEtag] = s.packet, step.what
		}
		require.NotEqual(t, last.PacketEtag, startOf(t, a, c.key, "d").packet.PacketEtag, "another component, another packet")
	})
}
