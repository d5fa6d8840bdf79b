package app_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// receipts is how many startups there are: a refused bootstrap leaves none.
func receipts(t *testing.T, a *apptest.App) int {
	t.Helper()
	return len(*apptest.Got(a.AdminClient(t).ListStartupsWithResponse(t.Context(), nil, query("limit=1000"))).Is(t, 200).JSON200)
}

func TestARefusedBootstrapWritesNothing(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		world := apptest.ReadWorld(t, meshFile).Create(t, a)
		admin := a.AdminClient(t)
		apptest.Got(admin.UpdateBindingWithApplicationMergePatchPlusJSONBodyWithResponse(
			t.Context(), world.Bindings["delegate"], nil, patch(`{"active":false}`))).Is(t, 200)
		apptest.Got(admin.DeleteBindingWithResponse(t.Context(), world.Bindings["depotgate"], nil)).Is(t, 204)
		apptest.Got(admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(
			t.Context(), world.Principals["cognigate"].String(), nil, patch(`{"status":"disabled"}`))).Is(t, 200)

		for what, c := range map[string]struct {
			principal string
			request   model.BootstrapRequest
			status    int
			code      string
		}{
			"the hint names another":       {"asyncgate", model.BootstrapRequest{ComponentKey: "c", PrincipalKey: "memorygate"}, 409, "PRINCIPAL_MISMATCH"},
			"the hint names nobody":        {"asyncgate", model.BootstrapRequest{ComponentKey: "c", PrincipalKey: "nobody"}, 409, "PRINCIPAL_MISMATCH"},
			"the hint differs in case":     {"asyncgate", model.BootstrapRequest{ComponentKey: "c", PrincipalKey: "Asyncgate"}, 409, "PRINCIPAL_MISMATCH"},
			"a mismatch before NO_BINDING": {"depotgate", model.BootstrapRequest{ComponentKey: "c", PrincipalKey: "asyncgate"}, 409, "PRINCIPAL_MISMATCH"},
			"the binding is inactive":      {"delegate", model.BootstrapRequest{ComponentKey: "c"}, 403, "NO_BINDING"},
			"there is no binding":          {"depotgate", model.BootstrapRequest{ComponentKey: "c"}, 403, "NO_BINDING"},
			"the principal is disabled":    {"cognigate", model.BootstrapRequest{ComponentKey: "c"}, 403, "FORBIDDEN"},
			"no pattern fits":              {"worker-pool", model.BootstrapRequest{ComponentKey: "asyncgate_main"}, 403, "COMPONENT_NOT_PERMITTED"},
			"a pattern is no prefix":       {"worker-pool", model.BootstrapRequest{ComponentKey: "my_worker_1"}, 403, "COMPONENT_NOT_PERMITTED"},
			"patterns mind the case":       {"worker-pool", model.BootstrapRequest{ComponentKey: "Worker_1"}, 403, "COMPONENT_NOT_PERMITTED"},
			"a key is no prefix":           {"receiptgate", model.BootstrapRequest{ComponentKey: "receiptgates"}, 403, "COMPONENT_NOT_PERMITTED"},
			"a key is no suffix":           {"receiptgate", model.BootstrapRequest{ComponentKey: "my/receiptgate"}, 403, "COMPONENT_NOT_PERMITTED"},
			"with the etag of a packet":    {"worker-pool", model.BootstrapRequest{ComponentKey: "c", LastPacketEtag: "x"}, 403, "COMPONENT_NOT_PERMITTED"},
			"no component_key":             {"asyncgate", model.BootstrapRequest{}, 400, "INVALID_REQUEST"},
			"no key as component_key":      {"asyncgate", model.BootstrapRequest{ComponentKey: "a b"}, 400, "INVALID_REQUEST"},
		} {
			component := a.Client(t, world.APIKeys[c.principal])
			apptest.Got(component.BootstrapWithResponse(t.Context(), &model.BootstrapParams{IfNoneMatch: new("*")}, c.request)).Fails(t, c.status, c.code)
			require.Zero(t, receipts(t, a), what)
		}
	})
}

func TestTheProfileSaysWhichComponentsMayStart(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		keys := apptest.ReadWorld(t, meshFile).Create(t, a).APIKeys
		n := 0
		for principal, components := range map[string][]string{
			"worker-pool": {"worker_", "worker_7", "worker_eu/1"}, "receiptgate": {"receiptgate", "receiptgate_", "receiptgate_2"},
			"asyncgate": {"asyncgate", "anything", "worker_1"},
		} {
			for _, component := range components {
				s := startOf(t, a, keys[principal], component)
				require.Equal(t, component, s.packet.ComponentKey)
				require.Equal(t, principal, s.packet.PrincipalKey)
				n++
			}
		}
		require.Equal(t, n, receipts(t, a), "one startup for each")
	})
}

func TestTheMeshGetsItsOverridesAndOnlyItsSecrets(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		world := apptest.ReadWorld(t, meshFile)
		keys := world.Create(t, a).APIKeys
		for principal, want := range map[string]struct {
			capabilities, policy string
			memorygate           string
			secrets              []string
			sla                  time.Duration
		}{
			"asyncgate":   {`{"memory_read":true,"memory_write":true,"async_poll":true}`, `{"max_memory_mb":1024,"rate_limit_rps":100}`, "http://memorygate:8001/mcp", []string{"depotgate_api_key", "memorygate_jwt", "receiptgate_api_key"}, 2 * time.Minute},
			"memorygate":  {`{"memory_read":true,"memory_write":true,"async_poll":true}`, `{"max_memory_mb":8192,"rate_limit_rps":100}`, "http://memorygate:8001/mcp", []string{"depotgate_api_key", "memorygate_jwt", "receiptgate_api_key"}, 2 * time.Minute},
			"interview":   {`{"memory_read":true,"memory_write":false,"async_poll":true}`, `{"max_memory_mb":1024,"rate_limit_rps":100}`, "http://memorygate:8001/mcp", []string{"depotgate_api_key", "memorygate_jwt", "receiptgate_api_key"}, 2 * time.Minute},
			"receiptgate": {`{"memory_read":true,"memory_write":true,"allowed_components":["receiptgate","receiptgate_*"]}`, `{"max_memory_mb":2048,"required_secrets":[]}`, "http://memorygate:8001/mcp", []string{}, time.Minute},
			"worker-pool": {`{"async_poll":true,"allowed_components":["worker_*"]}`, `{"max_memory_mb":512,"rate_limit_rps":20,"required_secrets":["receiptgate_api_key"]}`, "http://memorygate-replica:8001/mcp", []string{"receiptgate_api_key"}, 30 * time.Second},
		} {
			p := startOf(t, a, keys[principal], meshComponents[principal].component).packet
			require.JSONEq(t, want.capabilities, string(p.Capabilities), principal)
			require.JSONEq(t, want.policy, string(p.Policy), principal)
			secrets := []string{}
			for _, s := range p.RequiredEnv {
				secrets = append(secrets, s.SecretKey)
			}
			require.Equal(t, want.secrets, secrets, principal)
			require.Equal(t, want.sla, p.Startup.DeadlineAt.Sub(p.IssuedAt), principal)
			services := jsonOf(t, p.Services)
			require.Len(t, services, 9)
			require.Equal(t, map[string]any{"type": "memorygate", "endpoint": want.memorygate, "config": map[string]any{"auth": "jwt"}}, services["memorygate"], principal)
			delete(services, "memorygate")
			rest := jsonOf(t, world.Manifests[0].Services)
			delete(rest, "memorygate")
			require.Equal(t, rest, services, principal)
			require.JSONEq(t, string(world.Manifests[0].Environment), string(p.Environment))
			require.JSONEq(t, string(world.Manifests[0].MemoryMap), string(p.MemoryMap))
			require.JSONEq(t, string(world.Manifests[0].Polling), string(p.Polling))
			require.JSONEq(t, string(world.Manifests[0].Schemas), string(p.Schemas))
		}
	})
}

func TestAComponentThatHasThePacketGetsNoneAndIsBornAllTheSame(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		key := apptest.ReadWorld(t, meshFile).Create(t, a).APIKeys["asyncgate"]
		c := a.Client(t, key)
		etag := startOf(t, a, key, "c").packet.PacketEtag
		strong, other := `"`+etag+`"`, `"`+etagOfNothing+`"`
		for _, same := range []struct{ header, last string }{
			{strong, ""},
			{"W/" + strong, ""},
			{other + ", " + strong, ""},
			{other + "," + strong + "," + other, ""},
			{`"a,b", ` + strong, ""},
			{"  " + strong + "\t", ""},
			{"*", ""},
			{"", etag},
			{other, etag},
			{strong, "other"},
			{"*", etag},
		} {
			before := receipts(t, a)
			r := apptest.Got(c.BootstrapWithResponse(t.Context(), &model.BootstrapParams{IfNoneMatch: &same.header},
				model.BootstrapRequest{ComponentKey: "c", LastPacketEtag: same.last})).Is(t, 304)
			requireBorn(t, a, c, r, etag)
			require.Equal(t, before+1, receipts(t, a), "%+v", same)
		}
		for _, differs := range []struct{ header, last string }{
			{other, ""},
			{"", etagOfNothing},
			{etag, ""},
			{`"` + etag, ""},
			{`"` + etag[1:] + `"`, ""},
			{`"*"`, ""},
			{"", "*"},
			{"", strong[:len(strong)-1]},
			{`"` + etag + `x"`, ""},
			{"w/" + strong, ""},
			{"", etag[:63]},
		} {
			r := apptest.Got(c.BootstrapWithResponse(t.Context(), &model.BootstrapParams{IfNoneMatch: &differs.header},
				model.BootstrapRequest{ComponentKey: "c", LastPacketEtag: differs.last})).Is(t, 200)
			require.Equal(t, etag, r.JSON200.PacketEtag, "%+v", differs)
		}
	})
}

const etagOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// requireBorn looks the startup up that a 304 names.
func requireBorn(t *testing.T, a *apptest.App, c *client.ClientWithResponses, r *client.BootstrapResult, etag string) {
	t.Helper()
	require.Empty(t, r.Body)
	h := r.HTTPResponse.Header
	require.Equal(t, `"`+etag+`"`, h.Get("ETag"))
	newest := (*apptest.Got(a.AdminClient(t).ListStartupsWithResponse(t.Context(), nil, query("limit=1"))).Is(t, 200).JSON200)[0]
	require.Equal(t, newest.StartupID.String(), h.Get("Metagate-Startup-Id"))
	s := apptest.Got(c.GetStartupWithResponse(t.Context(), newest.StartupID)).Is(t, 200).JSON200
	require.Equal(t, model.StartupStatusOPEN, s.Status)
	require.Equal(t, etag, s.PacketEtag)
	require.Equal(t, "c", s.ComponentKey)
	deadline, err := time.Parse(time.RFC3339, h.Get("Metagate-Startup-Deadline"))
	require.NoError(t, err)
	require.Equal(t, s.DeadlineAt, deadline)
	require.Equal(t, 2*time.Minute, s.DeadlineAt.Sub(s.OpenedAt))
}
