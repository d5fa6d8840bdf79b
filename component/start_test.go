package component_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/legivellum/metagate/component"
	"github.com/legivellum/metagate/component/componenttest"
)

func TestABootstrapSaysWhoStartsWhere(t *testing.T) {
	t.Parallel()
	server, cfg, tl := newServer(t)
	cfg.Principal, cfg.InstanceID, cfg.Host = "workers", "pod-7", "node ü"
	cfg.Labels = map[string]string{"zone": "eu"}
	s := start(t, cfg)
	got := only(t, server)
	equal(t, got.ComponentKey+got.PrincipalKey+got.InstanceID+got.Host+got.Labels["zone"], "worker_1workerspod-7node üeu")
	equal(t, got.Status, "OPEN")
	equal(t, s.ID(), got.ID)
	equal(t, s.Source(), "live")
	equal(t, s.Deadline().After(tl.now()) && s.Deadline().Equal(s.Packet().Startup.DeadlineAt), true)
	h := server.Requests()[0].Header
	equal(t, h.Get("Content-Type"), "application/json")
	equal(t, h.Get("X-Api-Key"), server.Key)
	equal(t, h.Get("Authorization"), "")
	says(t, h.Get("User-Agent"), "metagate-component")
}

func TestWhatIsNotSaidIsNotSent(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	start(t, cfg)
	host, err := os.Hostname()
	noError(t, err)
	text, err := json.Marshal(host)
	noError(t, err)
	equal(t, string(server.Requests()[0].Body), `{"component_key":"worker_1","host":`+string(text)+`}`)
}

func TestAJWTIsABearerTokenAndAnythingElseAnAPIKey(t *testing.T) {
	t.Parallel()
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ3b3JrZXJzIn0.c2lnbmF0dXJl-_"
	for key, isJWT := range map[string]bool{
		jwt: true, "eyJub25l.eyJz.": true,
		"mgk_key": false, "eyJub25l": false, "eyJub25l.eyJz": false, jwt + ".x.y": false, "x" + jwt: false, "eyJhbGci.a+b.c": false,
	} {
		server, cfg, _ := newServer(t)
		server.Key, cfg.APIKey, cfg.APIKeyHeader = key, key, "X-API-Key"
		start(t, cfg)
		h := server.Requests()[0].Header
		equal(t, h.Get("Authorization") == "Bearer "+key, isJWT)
		equal(t, h.Get("X-Api-Key") == key, !isJWT)
	}
}

func TestAnAPIKeyGoesInTheHeaderThatIsSet(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	cfg.APIKeyHeader = "X-My-Key"
	_, err := component.Start(t.Context(), cfg)
	problem(t, err, 401, component.CodeUnauthenticated)
	equal(t, server.Requests()[0].Header.Get("X-My-Key"), server.Key)
}

func TestAKeyFileIsReadForEachAttempt(t *testing.T) {
	t.Parallel()
	server, cfg, tl := newServer(t)
	server.Key = "mgk_new"
	server.Fail(1, componenttest.Fault{Status: 503})
	cfg.APIKey, cfg.APIKeyFile = "", write(t, filepath.Join(t.TempDir(), "key"), "mgk_old\n")
	tl.onSleep = func() { write(t, cfg.APIKeyFile, " mgk_new \r\n") }
	s := start(t, cfg)
	requests := server.Requests()
	equal(t, requests[0].Header.Get("X-API-Key")+requests[1].Header.Get("X-API-Key"), "mgk_oldmgk_new")

	server.Key = "mgk_newer"
	write(t, cfg.APIKeyFile, "mgk_newer")
	noError(t, s.Ready(t.Context()))
}

func TestAKeyThatIsRotatedWhileItIsRefusedIsTriedAtOnce(t *testing.T) {
	t.Parallel()
	server, cfg, tl := newServer(t)
	server.Key = "mgk_new"
	cfg.APIKey, cfg.APIKeyFile = "", write(t, filepath.Join(t.TempDir(), "key"), "mgk_old")
	cfg.HTTPClient = &http.Client{Transport: onRequest(sync.OnceFunc(func() { write(t, cfg.APIKeyFile, "mgk_new") }))}
	start(t, cfg)
	equal(t, len(server.Requests()), 2)
	equal(t, len(tl.sleeps()), 0)
}

func TestTheEnvironmentConfigures(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "metagate-api-key"), "mgk_of_systemd")
	for name, value := range map[string]string{
		"METAGATE_URL": " http://a:8000 ,, http://b:8000/ ", "METAGATE_API_KEY": "", "METAGATE_API_KEY_FILE": "", "METAGATE_API_KEY_HEADER": "X-My-Key",
		"METAGATE_COMPONENT": "worker_1", "METAGATE_PRINCIPAL": "workers", "METAGATE_INSTANCE_ID": "pod-7",
		"METAGATE_LABELS": "zone=eu, rack=7=b", "METAGATE_BUDGET": "1m30s", "CREDENTIALS_DIRECTORY": dir,
	} {
		t.Setenv(name, value)
	}
	c := component.FromEnv()
	equal(t, strings.Join(c.Addresses, " "), "http://a:8000 http://b:8000/")
	equal(t, c.APIKeyFile, filepath.Join(dir, "metagate-api-key"))
	equal(t, c.APIKeyHeader+c.Component+c.Principal+c.InstanceID, "X-My-Keyworker_1workerspod-7")
	equal(t, len(c.Labels), 2)
	equal(t, c.Labels["zone"]+c.Labels["rack"], "eu7=b")
	equal(t, c.Budget, 90*time.Second)
	says(t, c.String(), "worker_1", "pod-7", "http://a:8000")

	t.Setenv("METAGATE_API_KEY", "mgk_k")
	equal(t, component.FromEnv().APIKeyFile, "")
	t.Setenv("METAGATE_API_KEY", "")
	t.Setenv("METAGATE_API_KEY_FILE", "/run/secrets/key")
	equal(t, component.FromEnv().APIKeyFile, "/run/secrets/key")
	t.Setenv("METAGATE_API_KEY_FILE", "")
	t.Setenv("CREDENTIALS_DIRECTORY", "/nowhere")
	equal(t, component.FromEnv().APIKeyFile, "")
}

func TestOfSeveralStateDirectoriesTheFirstHasTheCache(t *testing.T) {
	t.Setenv("METAGATE_CACHE_DIR", "state")
	t.Setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")
	equal(t, component.FromEnv().CacheDir, "/var/lib/a")
}

func TestAnEnvironmentThatIsWrongIsToldByStart(t *testing.T) {
	for name, values := range map[string][]string{
		"METAGATE_BUDGET": {"5", "-5s", "0s", "soon"},
		"METAGATE_LABELS": {"eu", "zone=eu,7"},
	} {
		for _, value := range values {
			t.Setenv(name, value)
			_, err := component.Start(t.Context(), component.FromEnv())
			says(t, err.Error(), name, `"`+value+`"`)
		}
		t.Setenv(name, "")
	}
}

func TestTheVersionIsTheModulesElseTheRevision(t *testing.T) {
	t.Parallel()
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: modified}}
	}
	for want, info := range map[string]debug.BuildInfo{
		"unknown":            {},
		"v1.4.2":             {Main: debug.Module{Version: "v1.4.2"}, Settings: vcs("true")},
		"0123456789ab":       {Main: debug.Module{Version: "(devel)"}, Settings: vcs("false")},
		"0123456789ab-dirty": {Settings: vcs("true")},
	} {
		equal(t, component.VersionOf(&info), want)
	}
}

func TestAnIDIsAUUIDv7OfItsTime(t *testing.T) {
	t.Parallel()
	id := component.NewID(time.UnixMilli(0x0192d6b06f3a))
	equal(t, id[:13], "0192d6b0-6f3a")
	equal(t, uuidv7.MatchString(id), true)
	equal(t, id == component.NewID(time.UnixMilli(0x0192d6b06f3a)), false)
}
