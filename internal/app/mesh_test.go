package app_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/test/apptest"
)

const (
	meshFile   = "../../examples/legivellum-mesh.yaml"
	goldenGlob = "testdata/packets/*.json"
)

var update = flag.Bool("update", false, "write the golden packets anew")

// meshComponents says who starts as what; half of them come up.
var meshComponents = map[string]struct {
	component string
	ready     bool
}{
	"asyncgate": {"asyncgate_main", true}, "cognigate": {"cognigate_main", false}, "delegate": {"delegate_main", true},
	"depotgate": {"depotgate_main", false}, "interview": {"interview_main", true}, "interrogate": {"interrogate_main", false},
	"memorygate": {"memorygate_main", true}, "receiptgate": {"receiptgate_main", false}, "worker-pool": {"worker_7", true},
}

func TestEveryComponentOfTheMeshStartsWithItsKeyAndWithItsToken(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		world := apptest.ReadWorld(t, meshFile)
		require.Len(t, world.Principals, len(meshComponents))
		keys := world.Create(t, a).APIKeys
		for _, p := range world.Principals {
			m := meshComponents[p.PrincipalKey]
			byKey := startOf(t, a, keys[p.PrincipalKey], m.component)
			byToken := startOf(t, a, token(t, p.AuthSubject), m.component)

			require.Equal(t, byKey.packet.PacketEtag, byToken.packet.PacketEtag, p.PrincipalKey)
			require.NotEqual(t, byKey.packet.PacketID, byToken.packet.PacketID, p.PrincipalKey)
			require.NotEqual(t, byKey.packet.Startup.StartupID, byToken.packet.Startup.StartupID, p.PrincipalKey)
			compareGolden(t, p.PrincipalKey, byKey)
			compareGolden(t, p.PrincipalKey, byToken)
			report(t, a, keys[p.PrincipalKey], byKey.packet, m.ready)
		}
		requireMeshReceipts(t, a, keys)
	})
}

// started is an answered bootstrap.
type started struct {
	packet *model.WelcomePacket
	body   []byte
}

func startOf(t *testing.T, a *apptest.App, credential, component string) started {
	t.Helper()
	r := apptest.Got(a.Client(t, credential).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: component})).Is(t, 200)
	require.Equal(t, `"`+r.JSON200.PacketEtag+`"`, r.HTTPResponse.Header.Get("ETag"))
	require.Equal(t, r.JSON200.Startup.StartupID.String(), r.HTTPResponse.Header.Get("Metagate-Startup-Id"))
	require.Equal(t, model.StartupStatusOPEN, r.JSON200.Startup.Status)
	return started{r.JSON200, r.Body}
}

func token(t *testing.T, subject string) string {
	t.Helper()
	jwt, err := identity.Sign(apptest.JWTSecret, "HS256", subject, time.Hour, "", "", time.Now())
	require.NoError(t, err)
	return jwt
}

func report(t *testing.T, a *apptest.App, credential string, p *model.WelcomePacket, ready bool) {
	t.Helper()
	c, id := a.Client(t, credential), p.Startup.StartupID
	if ready {
		ack := apptest.Got(c.ReportReadyWithResponse(t.Context(), model.ReadyReport{
			StartupID: id, BuildVersion: "1.4.2", Health: json.RawMessage(`{"listening":true,"load":0.10}`),
		})).Is(t, 200).JSON200
		require.Equal(t, model.StartupStatusREADY, ack.Status)
		return
	}
	ack := apptest.Got(c.ReportFailedWithResponse(t.Context(), model.FailedReport{
		StartupID: id, Error: "port is taken\nby another", Details: json.RawMessage(`{"port":8001}`),
	})).Is(t, 200).JSON200
	require.Equal(t, model.StartupStatusFAILED, ack.Status)
}

// query sets the query of a list: only what is asked for, spelled as it is.
func query(raw string) client.RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.URL.RawQuery = raw
		return nil
	}
}

// requireMeshReceipts looks the receipts up as an admin and as their owner:
// each principal has one that is reported and a later one that is OPEN.
func requireMeshReceipts(t *testing.T, a *apptest.App, keys map[string]string) {
	t.Helper()
	admin := a.AdminClient(t)
	all := *apptest.Got(admin.ListStartupsWithResponse(t.Context(), nil)).Is(t, 200).JSON200
	require.Len(t, all, 2*len(meshComponents))
	for principal, m := range meshComponents {
		rows := *apptest.Got(admin.ListStartupsWithResponse(t.Context(), nil, query("principal_key="+principal))).Is(t, 200).JSON200
		require.Len(t, rows, 2, principal)
		require.Equal(t, model.StartupStatusOPEN, rows[0].Status, "%s: newest first", principal)
		require.False(t, rows[0].Overdue || rows[0].Late)
		reported := rows[1]
		require.Equal(t, m.component, reported.ComponentKey)
		require.Equal(t, reported.PacketEtag, rows[0].PacketEtag)
		if m.ready {
			require.Equal(t, model.StartupStatusREADY, reported.Status)
			require.JSONEq(t, `{"listening":true,"load":0.10}`, string(reported.Health.MustGet()))
			require.Contains(t, string(reported.Health.MustGet()), "0.10", "numbers stay as they were written")
			require.Equal(t, "1.4.2", reported.BuildVersion.MustGet())
			require.True(t, reported.FailedAt.IsNull() && reported.Error.IsNull() && reported.Details.IsNull())
		} else {
			require.Equal(t, model.StartupStatusFAILED, reported.Status)
			require.Equal(t, "port is taken\nby another", reported.Error.MustGet())
			require.JSONEq(t, `{"port":8001}`, string(reported.Details.MustGet()))
			require.True(t, reported.ReadyAt.IsNull() && reported.BuildVersion.IsNull() && reported.Health.IsNull())
		}
		own := apptest.Got(a.Client(t, keys[principal]).GetStartupWithResponse(t.Context(), reported.StartupID)).Is(t, 200).JSON200
		require.Equal(t, reported, *own, "owner and admin see the same")
	}
}

// compareGolden holds a packet against its golden file, the same one on both
// engines, byte for byte but for white space and what is new in each packet.
func compareGolden(t *testing.T, principal string, s started) {
	t.Helper()
	var raw struct {
		IssuedAt string `json:"issued_at"`
		Startup  struct {
			DeadlineAt string `json:"deadline_at"`
		} `json:"startup"`
	}
	require.NoError(t, json.Unmarshal(s.body, &raw))
	text := strings.NewReplacer(
		s.packet.PacketID.String(), "PACKET_ID", s.packet.Startup.StartupID.String(), "STARTUP_ID",
		raw.IssuedAt, "ISSUED_AT", raw.Startup.DeadlineAt, "DEADLINE_AT",
	).Replace(string(s.body))
	var pretty bytes.Buffer
	require.NoError(t, json.Indent(&pretty, []byte(text), "", "  "))
	pretty.WriteByte('\n')

	file := strings.Replace(goldenGlob, "*", principal, 1)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, pretty.Bytes(), 0o644))
		return
	}
	golden, err := os.ReadFile(file)
	require.NoError(t, err, "go test ./internal/app -run Mesh -update writes it")
	require.Equal(t, string(golden), pretty.String())
}

func TestTheEtagOfEveryGoldenPacketIsTheHashOfWhatIsStableInIt(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(goldenGlob)
	require.NoError(t, err)
	seen := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var packet map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(text, &packet))
		var etag string
		require.NoError(t, json.Unmarshal(packet["packet_etag"], &etag))
		require.Equal(t, etagOf(t, text), etag, file)
		seen[etag] = file
	}
	require.Len(t, files, len(meshComponents), "one for each component")
	require.Len(t, slices.Collect(maps.Keys(seen)), len(files), "different packets have different etags")
}

// etagOf makes the etag of a packet from its text alone (contract 4).
func etagOf(t *testing.T, packet []byte) string {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(packet, &members))
	for _, volatile := range []string{"packet_id", "packet_etag", "issued_at", "manifest_version", "startup"} {
		require.Contains(t, members, volatile)
		delete(members, volatile)
	}
	text, err := json.Marshal(members)
	require.NoError(t, err)
	text, err = doc.Canonical(text)
	require.NoError(t, err)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
