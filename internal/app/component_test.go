package app_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/component"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// componentOf is a configuration of the package that others import, whose answers are
// held against openapi.yaml.
func componentOf(t *testing.T, a *apptest.App, credential, key string) component.Config {
	t.Helper()
	return component.Config{Addresses: []string{a.URL}, APIKey: credential, Component: key, HTTPClient: a.HTTP(t)}
}

func refusedBy(t *testing.T, err error, status int, code string) {
	t.Helper()
	p, ok := errors.AsType[*component.Problem](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, []any{status, code}, []any{p.Status, p.Code})
	require.NotEmpty(t, p.RequestID)
	require.NotErrorIs(t, err, component.ErrUnavailable)
}

func TestThePackageForComponentsIsRefusedWhereTheContractSaysSo(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, other := newLab(t, a), newLab(t, a)
		start := func(edit func(*component.Config)) error {
			cfg := componentOf(t, a, l.key.APIKey, "c")
			edit(&cfg)
			_, err := component.Start(t.Context(), cfg)
			return err
		}
		refusedBy(t, start(func(c *component.Config) { c.APIKey = "mgk_wrong" }), 401, component.CodeUnauthenticated)
		refusedBy(t, start(func(c *component.Config) { c.APIKey = token(t, "nobody") }), 403, "FORBIDDEN")
		refusedBy(t, start(func(c *component.Config) { c.Principal = other.principal.PrincipalKey }), 409, component.CodePrincipalMismatch)
		refusedBy(t, start(func(c *component.Config) { c.Component = "c d" }), 400, "INVALID_REQUEST")
		list, _ := adminList[model.StartupSession](t, a, "startups")
		require.Empty(t, list)
	})
}

func TestThePackageForComponentsStartsAndReports(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ctx := t.Context()
		world := apptest.ReadWorld(t, meshFile)
		keys := world.Create(t, a).APIKeys
		cfg := componentOf(t, a, keys["worker-pool"], "worker_7")
		cfg.InstanceID, cfg.Host, cfg.Labels, cfg.Version = "pod-7", "node-1", map[string]string{"zone": "eu"}, "0.9.1"
		cfg.SkipSecretCheck = true

		s, err := component.Start(ctx, cfg)
		require.NoError(t, err)
		memorygate, err := s.Service("memorygate")
		require.NoError(t, err)
		require.Equal(t, component.Service{
			Name: "memorygate", Type: "memorygate", Endpoint: "http://memorygate-replica:8001/mcp", Auth: "jwt",
			Raw: json.RawMessage(`{"type":"memorygate","endpoint":"http://memorygate-replica:8001/mcp","config":{"auth":"jwt"}}`),
		}, memorygate)
		require.Equal(t, etagOf(t, s.Packet().Raw), s.Packet().ETag)
		require.NoError(t, s.ReadyWith(ctx, map[string]bool{"listening": true}))
		require.NoError(t, s.Close())
		got := receiptOf(t, a, s)
		require.Equal(t, model.StartupStatusREADY, got.Status)
		require.Equal(t, []string{"0.9.1", `{"listening":true}`, "pod-7", "node-1", `{"zone":"eu"}`},
			[]string{got.BuildVersion.MustGet(), string(got.Health.MustGet()), got.InstanceID.MustGet(), got.Host.MustGet(), string(got.Labels.MustGet())})
		require.True(t, got.DeadlineAt.Equal(s.Deadline()))

		cfg.APIKey = token(t, "workers@mesh")
		s, err = component.Start(ctx, cfg)
		require.NoError(t, err)
		require.NoError(t, s.Close())
		require.Equal(t, "closed before it was ready", receiptOf(t, a, s).Error.MustGet())

		s, err = component.Start(ctx, cfg)
		require.NoError(t, err)
		require.NoError(t, s.Failed(ctx, errors.New("no\x00UTF-8: \xff")))
		require.Equal(t, "no\uFFFDUTF-8: \uFFFD", receiptOf(t, a, s).Error.MustGet())
	})
}

func receiptOf(t *testing.T, a *apptest.App, s *component.Startup) model.StartupSession {
	t.Helper()
	return *apptest.Got(a.AdminClient(t).GetStartupWithResponse(t.Context(), uuid.MustParse(s.ID()))).Is(t, 200).JSON200
}

func TestThePackageForComponentsReportsWhichSecretsAreMissing(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		file := filepath.Join(t.TempDir(), "nowhere")
		apptest.Got(l.admin.CreateSecretRefWithResponse(t.Context(), nil, model.SecretRefCreate{SecretKey: "gone", RefKind: "file", RefName: file})).Is(t, 201)
		_, err := component.Start(t.Context(), componentOf(t, a, l.key.APIKey, "c"))
		missing, ok := errors.AsType[*component.MissingError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, []string{"gone"}, missing.Keys)
		list, _ := adminList[model.StartupSession](t, a, "startups")
		require.Len(t, list, 1)
		require.Equal(t, model.StartupStatusFAILED, list[0].Status)
		require.Contains(t, list[0].Error.MustGet(), file)
		require.JSONEq(t, `{"missing":["gone"]}`, string(list[0].Details.MustGet()))
	})
}

// lossy loses the first answer to each path, after the server has given it.
type lossy struct {
	next http.RoundTripper
	lost map[string]bool
}

func (l lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err != nil || l.lost[r.URL.Path] {
		return resp, err
	}
	l.lost[r.URL.Path] = true
	return nil, errors.Join(errors.New("the answer is lost"), resp.Body.Close())
}

func TestThePackageForComponentsSurvivesLostAnswersAndAServerThatIsAway(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		cfg := componentOf(t, a, l.key.APIKey, "c")
		cfg.Addresses = []string{"http://127.0.0.1:1", a.URL}
		cfg.HTTPClient = &http.Client{Transport: lossy{cfg.HTTPClient.Transport, map[string]bool{}}}
		s, err := component.Start(t.Context(), cfg)
		require.NoError(t, err)
		require.NoError(t, s.Ready(t.Context()))
		require.Equal(t, model.StartupStatusREADY, l.get(t, uuid.MustParse(s.ID())).Status)

		cfg.ReportBudget = 100 * time.Millisecond // for one attempt, which is refused
		s, err = component.Start(t.Context(), cfg)
		require.NoError(t, err)
		require.NoError(t, a.Close())
		err = s.Ready(t.Context())
		require.ErrorIs(t, err, component.ErrUnavailable)
		require.ErrorContains(t, err, a.URL)
	})
}
