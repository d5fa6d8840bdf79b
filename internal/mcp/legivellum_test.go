package mcp_test

import (
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/test/apptest"
)

const legivellum = "../../examples/legivellum/"

func gateKey(gate string) string { return "mgk_demo_" + gate + "_bootstrap_key" }

// applyMesh applies the example's world as the compose file's metagate-world does.
func applyMesh(t *testing.T, a *apptest.App) {
	t.Helper()
	file, err := os.Open(legivellum + "world.yaml")
	require.NoError(t, err)
	defer file.Close()
	apptest.Got(a.AdminClient(t).ApplyWorldWithBodyWithResponse(t.Context(), nil, "application/yaml", file)).Is(t, http.StatusOK)
}

// neighbours are the types that each gate looks up; worker-pool does so as a worker of the demo.
var neighbours = map[string][]string{
	"asyncgate": {"receiptgate"}, "depotgate": {"receiptgate"}, "cognigate": {"asyncgate"},
	"delegate": {"receiptgate", "memorygate", "asyncgate"}, "interview": {"receiptgate", "asyncgate", "depotgate"},
	"interrogate": {"receiptgate", "memorygate"}, "memorygate": {}, "receiptgate": {}, "worker-pool": {"receiptgate", "depotgate"},
}

func TestTheNineGatesBootLookTheirNeighboursUpAndAcknowledge(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		applyMesh(t, a)
		require.Len(t, neighbours, 9)
		for gate, types := range neighbours {
			component := gate
			if gate == "worker-pool" {
				component = "worker_7"
			}
			w := wire{a, gateKey(gate)}
			packet := w.tool(t, "metagate.bootstrap", `{"component_key":"`+component+`"}`, "Accept", "*/*").result(t)["packet"].(object)
			for _, kind := range types {
				require.Contains(t, endpoints(packet, kind), "http://"+kind, gate)
			}
			ready := w.tool(t, "metagate.startup_ready", `{"startup_id":"`+packet["startup"].(object)["startup_id"].(string)+`","build_version":"0.1.0"}`).result(t)
			require.Equal(t, "READY", ready["status"], gate)
		}
		startups := *apptest.Got(a.AdminClient(t).ListStartupsWithResponse(t.Context(), nil)).Is(t, 200).JSON200
		require.Len(t, startups, 9)
		for _, s := range startups {
			require.Equal(t, model.StartupStatusREADY, s.Status, s.ComponentKey)
		}
	})
}

// endpoints are those of the packet's services of a type.
func endpoints(packet object, kind string) string {
	var out strings.Builder
	for _, s := range packet["services"].(object) {
		if s := s.(object); s["type"] == kind {
			out.WriteString(s["endpoint"].(string))
		}
	}
	return out.String()
}

func TestTheComposeFileOfTheMeshNamesWhatIsThere(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(legivellum + "docker-compose.yml")
	require.NoError(t, err)
	text, err = doc.YAMLToJSON(text, 1<<20)
	require.NoError(t, err)
	var file struct {
		Services map[string]struct{ Environment map[string]string }
		Configs  map[string]struct{ File string }
	}
	require.NoError(t, json.Unmarshal(text, &file))
	require.FileExists(t, legivellum+file.Configs["metagate-world"].File)

	settings := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[app.Config]()) {
		for name := range strings.SplitSeq(f.Tag.Get("env"), ",") {
			settings[strings.TrimPrefix(name, "METAGATE_")] = name != ""
		}
	}
	for name := range file.Services["metagate"].Environment {
		require.True(t, settings[strings.TrimPrefix(name, "METAGATE_")], name)
	}
	for gate, service := range file.Services {
		if strings.HasPrefix(gate, "metagate") {
			continue
		}
		prefix := strings.ToUpper(gate) + "_METAGATE_"
		require.Contains(t, neighbours, gate)
		require.Equal(t, map[string]string{
			prefix + "ENDPOINT": "http://metagate:8000/mcp", prefix + "API_KEY": gateKey(gate), prefix + "COMPONENT_KEY": gate,
		}, service.Environment)
	}
}
