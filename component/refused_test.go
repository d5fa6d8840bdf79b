package component_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/legivellum/metagate/component"
	"github.com/legivellum/metagate/component/componenttest"
)

func TestAConfigurationThatIsWrongIsToldBeforeAnybodyIsAsked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*component.Config)
		says   string
	}{
		"no address":              {func(c *component.Config) { c.Addresses = nil }, "METAGATE_URL"},
		"an empty address":        {func(c *component.Config) { c.Addresses = []string{""} }, "http://metagate:8000"},
		"an address without http": {func(c *component.Config) { c.Addresses = []string{"metagate:8000"} }, `"metagate:8000"`},
		"another scheme":          {func(c *component.Config) { c.Addresses = []string{"ftp://metagate"} }, "ftp://metagate"},
		"an address with a query": {func(c *component.Config) { c.Addresses = []string{"http://metagate?a=b"} }, "http://metagate:8000"},
		"a password in it":        {func(c *component.Config) { c.Addresses = []string{"http://u:hunter2@metagate"} }, "Config.APIKey"},
		"a bad one with it":       {func(c *component.Config) { c.Addresses = []string{"http://u:hunter2@meta gate"} }, "no URL"},
		"no component":            {func(c *component.Config) { c.Component = "" }, "METAGATE_COMPONENT"},
		"no key":                  {func(c *component.Config) { c.APIKey = "" }, "METAGATE_API_KEY_FILE"},
		"two keys":                {func(c *component.Config) { c.APIKeyFile = "/k" }, "two API keys"},
		"a budget below zero":     {func(c *component.Config) { c.Budget = -1 }, "budget"},
		"a key with a line break": {func(c *component.Config) { c.APIKey = "hunter2\r\nX: y" }, "visible ASCII"},
		"a key file that isn't":   {func(c *component.Config) { c.APIKey, c.APIKeyFile = "", "/nowhere/key" }, "/nowhere/key"},
		"an empty key file":       {func(c *component.Config) { c.APIKey, c.APIKeyFile = "", "/dev/null" }, "/dev/null is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, cfg, _ := newServer(t)
			c.change(&cfg)
			_, err := component.Start(t.Context(), cfg)
			if err == nil {
				t.Fatal("it started")
			}
			says(t, err.Error(), c.says)
			if strings.Contains(err.Error(), "hunter2") {
				t.Fatal(err)
			}
			equal(t, len(server.Requests()), 0)
		})
	}
	_, err := component.Start(t.Context(), component.Config{Budget: -1})
	says(t, err.Error(), "METAGATE_URL", "METAGATE_COMPONENT", "METAGATE_API_KEY", "budget")
}

func TestARefusalIsFinal(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]componenttest.Fault{
		"a request that is wrong": {Status: 400, Code: "INVALID_REQUEST"},
		"a wrong key":             {Status: 401, Code: component.CodeUnauthenticated},
		"no binding":              {Status: 403, Code: component.CodeNoBinding},
		"another path":            {Status: 404, Code: "NOT_FOUND"},
		"another principal":       {Status: 409, Code: component.CodePrincipalMismatch},
		"a proxy's refusal":       {Status: 407},
		"no content":              {Status: 204, Code: ""},
		"not modified":            {Status: 304, Code: ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, cfg, tl := newServer(t)
			server.Fail(1, f)
			_, err := component.Start(t.Context(), cfg)
			p := problem(t, err, f.Status, f.Code)
			equal(t, p.Title, http.StatusText(f.Status))
			says(t, err.Error(), server.URL, "bootstrap of worker_1")
			if errors.Is(err, component.ErrUnavailable) {
				t.Fatal(err)
			}
			equal(t, len(server.Requests()), 1)
			equal(t, len(tl.sleeps()), 0)
		})
	}
}

func TestAWrongKeyIsAskedForOnceAndTold(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	var log logged
	cfg.APIKey, cfg.Logger = "mgk_hunter2", log.logger()
	_, err := component.Start(t.Context(), cfg)
	problem(t, err, 401, component.CodeUnauthenticated)
	equal(t, len(server.Requests()), 1)
	if strings.Contains(err.Error()+log.String()+cfg.String(), "hunter2") {
		t.Fatal("the key is told")
	}
}

func TestAProblemTellsItsPlacesAndItsRequest(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	server.Fail(1, componenttest.Fault{Status: 400, Body: `{"type":"urn:metagate:problem:invalid-request","title":"Bad Request","status":400,
		"detail":"it is wrong","code":"INVALID_REQUEST","request_id":"r1","errors":[{"pointer":"/labels","detail":"too many"}]}`})
	_, err := component.Start(t.Context(), cfg)
	p := problem(t, err, 400, "INVALID_REQUEST")
	equal(t, p.Places[0], component.Place{Pointer: "/labels", Detail: "too many"})
	equal(t, p.Error(), "400 INVALID_REQUEST: it is wrong; /labels: too many (request r1)")
}

func TestAnAnswerThatIsTooLargeIsFinal(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	server.Fail(1, componenttest.Fault{Body: strings.Repeat(" ", 16<<20+1)})
	cfg.AttemptTimeout = time.Minute
	_, err := component.Start(t.Context(), cfg)
	says(t, err.Error(), "more than 16777216 bytes")
	equal(t, len(server.Requests()), 1)
}

func TestARedirectToAnotherHostIsNotFollowedWithTheKey(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"a permanent one": 308, "a temporary one": 307, "one that makes a GET of it": 302} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, cfg, _ := newServer(t)
			proxy := httptest.NewServer(http.RedirectHandler(server.URL+"/v1/bootstrap", status))
			t.Cleanup(proxy.Close)
			cfg.Addresses = []string{proxy.URL}
			_, err := component.Start(t.Context(), cfg)
			says(t, problem(t, err, status, "").Detail, server.URL)
			equal(t, len(server.Requests()), 0)
		})
	}
}

func TestARedirectThatMakesAGETOfABootstrapIsNotFollowed(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle("/below/v1/bootstrap", http.RedirectHandler("/v1/bootstrap", http.StatusFound))
	mux.HandleFunc("/v1/bootstrap", func(_ http.ResponseWriter, r *http.Request) { t.Error(r.Method) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	_, err := component.Start(t.Context(), component.Config{Addresses: []string{server.URL + "/below"}, APIKey: "mgk_k", Component: "c"})
	problem(t, err, http.StatusFound, "")
}

func TestARedirectOnTheSameHostIsFollowedWithKeyAndBody(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle("/below/v1/bootstrap", http.RedirectHandler("/v1/bootstrap", http.StatusTemporaryRedirect))
	mux.HandleFunc("POST /v1/bootstrap", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("X-API-Key") != "mgk_k" || !strings.Contains(string(body), "memorygate_main") {
			t.Errorf("%v %q %s", err, r.Header, body)
		}
		http.ServeFile(w, r, "testdata/packet.json")
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	cfg := component.Config{Addresses: []string{server.URL + "/below/"}, APIKey: "mgk_k", Component: "memorygate_main", SkipSecretCheck: true}
	s, err := component.Start(t.Context(), cfg)
	noError(t, err)
	equal(t, s.ID(), "01a21bb7-1845-77a8-8000-003d02558614")
}
