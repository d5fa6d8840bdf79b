package app_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// boardBrowser looks at the board without JavaScript: it follows no redirect, and keeps cookies.
type boardBrowser struct {
	t *testing.T
	a *apptest.App
	http.Client
}

type boardPage struct {
	Status int
	http.Header
	Text string
}

func newBoardBrowser(t *testing.T, a *apptest.App) *boardBrowser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	b := &boardBrowser{t: t, a: a, Client: http.Client{Jar: jar}}
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b
}

// signedIn is a browser whose user has shown a credential.
func signedIn(t *testing.T, a *apptest.App, credential string) *boardBrowser {
	t.Helper()
	b := newBoardBrowser(t, a)
	require.Equal(t, http.StatusSeeOther, b.post("/board/login", url.Values{"credential": {credential}}).Status)
	return b
}

func (b *boardBrowser) send(method, path, contentType string, body io.Reader, header ...string) boardPage {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.a.URL+path, body)
	require.NoError(b.t, err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := b.Do(r)
	require.NoError(b.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return boardPage{resp.StatusCode, resp.Header, string(text)}
}

func (b *boardBrowser) get(path string) boardPage { return b.send(http.MethodGet, path, "", nil) }

// shows is a page that is there.
func (b *boardBrowser) shows(path string) string {
	b.t.Helper()
	p := b.get(path)
	require.Equal(b.t, http.StatusOK, p.Status, p.Text)
	return p.Text
}

func (b *boardBrowser) post(path string, form url.Values, header ...string) boardPage {
	b.t.Helper()
	return b.send(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()), header...)
}

// paste sends a world to the blast radius, as its form does.
func (b *boardBrowser) paste(world string, more ...string) boardPage {
	b.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	require.NoError(b.t, form.WriteField("world", strings.ReplaceAll(world, "\n", "\r\n")))
	for i := 0; i < len(more); i += 2 {
		require.NoError(b.t, form.WriteField(more[i], more[i+1]))
	}
	require.NoError(b.t, form.Close())
	return b.send(http.MethodPost, "/board/blast", form.FormDataContentType(), &body)
}

// onBoard makes the mesh, starts some of it, and gives the startups by component.
func onBoard(t *testing.T, a *apptest.App) (apptest.Created, map[string]uuid.UUID) {
	t.Helper()
	mesh := apptest.ReadWorld(t, "../../examples/legivellum-mesh.yaml").Create(t, a)
	started := map[string]uuid.UUID{}
	for principal, component := range map[string]string{"memorygate": "memorygate", "depotgate": "depotgate", "worker-pool": "worker_1"} {
		c := a.Client(t, mesh.APIKeys[principal])
		packet := apptest.Got(c.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: component})).Is(t, 200).JSON200
		started[component] = packet.Startup.StartupID
	}
	ctx := t.Context()
	apptest.Got(a.Client(t, mesh.APIKeys["memorygate"]).ReportReadyWithResponse(ctx, model.ReadyReport{StartupID: started["memorygate"], BuildVersion: "1.4.2"})).Is(t, 200)
	apptest.Got(a.Client(t, mesh.APIKeys["depotgate"]).ReportFailedWithResponse(ctx, model.FailedReport{StartupID: started["depotgate"], Error: "port 8000 is taken"})).Is(t, 200)
	return mesh, started
}
