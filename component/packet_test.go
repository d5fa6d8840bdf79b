package component_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/legivellum/metagate/component"
	"github.com/legivellum/metagate/component/componenttest"
)

// answers is a server that answers a bootstrap with the text of testdata/packet.json:
// a packet that a MetaGate made of examples/legivellum-mesh.yaml.
func answers(t *testing.T) (golden string, s *component.Startup) {
	t.Helper()
	text, err := os.ReadFile("testdata/packet.json")
	noError(t, err)
	server, cfg, _ := newServer(t)
	server.Fail(1, componenttest.Fault{Body: string(text)})
	cfg.Component, cfg.SkipSecretCheck = "memorygate_main", true
	s, err = component.Start(t.Context(), cfg)
	noError(t, err)
	return string(text), s
}

func TestEveryMemberOfAPacketIsRead(t *testing.T) {
	t.Parallel()
	golden, s := answers(t)
	p := s.Packet()
	equal(t, string(p.Raw), golden)
	var want, got map[string]any
	noError(t, json.Unmarshal(p.Raw, &want))
	text, err := json.Marshal(p)
	noError(t, err)
	noError(t, json.Unmarshal(text, &got))
	for name := range want {
		w, _ := json.Marshal(want[name])
		g, _ := json.Marshal(got[name])
		equal(t, name+string(g), name+string(w))
	}
	equal(t, len(got), len(want))
	equal(t, p.Startup.DeadlineAt.Sub(p.IssuedAt), 2*time.Minute)
	equal(t, string(p.Policy["max_memory_mb"]), "8192")
}

func TestNumbersKeepTheirDigits(t *testing.T) {
	t.Parallel()
	server := componenttest.NewServer(t, `{"policy": {"big": 12345678901234567890, "rate": 1.10}}`)
	p := start(t, server.Config("c")).Packet()
	equal(t, string(p.Policy["big"])+" "+string(p.Policy["rate"]), "12345678901234567890 1.10")
}

func TestAServiceIsReadAsFarAsItGoes(t *testing.T) {
	t.Parallel()
	server := componenttest.NewServer(t, `{"services": {
		"mesh": {"type": "memorygate", "endpoint": "http://m:8001/mcp", "config": {"auth": "jwt"}}, "own": {"auth": "api_key", "config": {"auth": "jwt"}},
		"odd": {"endpoint": 5, "type": null, "auth": {}, "config": []}, "text": "http://t", "null": null
	}}`)
	s := start(t, server.Config("c"))
	for name, want := range map[string]component.Service{
		"mesh": {Type: "memorygate", Endpoint: "http://m:8001/mcp", Auth: "jwt"},
		"own":  {Auth: "api_key"},
		"odd":  {}, "text": {}, "null": {},
	} {
		got, err := s.Service(name)
		noError(t, err)
		equal(t, got.Name+got.Type+got.Endpoint+got.Auth, name+want.Type+want.Endpoint+want.Auth)
		equal(t, string(got.Raw), string(s.Packet().Services[name]))
	}
	_, err := s.Service("nobody")
	isError(t, err, component.ErrNotInPacket)
	says(t, err.Error(), `"nobody"`, "mesh, null, odd, own, text")
}

// need is a packet that requires these secrets.
func need(t *testing.T, refs ...component.SecretRef) *componenttest.Server {
	t.Helper()
	text, err := json.Marshal(map[string]any{"required_env": refs})
	noError(t, err)
	return componenttest.NewServer(t, string(text))
}

func TestAStartWithoutItsSecretsIsReportedFailedWithTheirNames(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("THERE", "hunter2")
	t.Setenv("EMPTY", "")
	server := need(t,
		component.SecretRef{SecretKey: "there", RefKind: "env", RefName: "THERE"},
		component.SecretRef{SecretKey: "unset", RefKind: "env", RefName: "NOT_SET_ANYWHERE"},
		component.SecretRef{SecretKey: "empty", RefKind: "env", RefName: "EMPTY"},
		component.SecretRef{SecretKey: "file", RefKind: "file", RefName: filepath.Join(dir, "none")},
		component.SecretRef{SecretKey: "blank", RefKind: "file", RefName: write(t, filepath.Join(dir, "blank"), "\n")},
		component.SecretRef{SecretKey: "directory", RefKind: "file", RefName: dir},
		component.SecretRef{SecretKey: "large", RefKind: "file", RefName: write(t, filepath.Join(dir, "large"), strings.Repeat("x", 1<<20+1))},
		component.SecretRef{SecretKey: "vault", RefKind: "keygate", RefName: "x"},
	)
	_, err := component.Start(t.Context(), server.Config("c"))
	var missing *component.MissingError
	if !asError(err, &missing) || !slices.Equal(missing.Keys, []string{"unset", "empty", "file", "blank", "directory", "large", "vault"}) {
		t.Fatal(err)
	}
	got := only(t, server)
	equal(t, got.Status, "FAILED")
	for _, text := range []string{got.Error, err.Error()} {
		says(t, text, "unset (environment variable NOT_SET_ANYWHERE is not set)", filepath.Join(dir, "none"), "keygate")
		equal(t, strings.Contains(text, "hunter2"), false)
	}
	equal(t, string(got.Details), `{"missing":["unset","empty","file","blank","directory","large","vault"]}`)
}

func TestMissingSecretsThatCannotBeReportedAreToldBothWays(t *testing.T) {
	t.Parallel()
	server := need(t, component.SecretRef{SecretKey: "s", RefKind: "env", RefName: "NOT_SET_ANYWHERE"})
	cfg := server.Config("c")
	cfg.HTTPClient = &http.Client{Transport: onPath("/v1/startup/failed", func() { server.Fail(1, componenttest.Fault{Status: 403, Code: "FORBIDDEN"}) })}
	_, err := component.Start(t.Context(), cfg)
	var missing *component.MissingError
	equal(t, asError(err, &missing), true)
	problem(t, err, 403, "FORBIDDEN")
	equal(t, only(t, server).Status, "OPEN")
}

func TestAStartMayGoWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	server := need(t, component.SecretRef{SecretKey: "s", RefKind: "env", RefName: "NOT_SET_ANYWHERE"})
	cfg := server.Config("c")
	cfg.SkipSecretCheck = true
	s := start(t, cfg)
	_, err := s.Secret("s")
	var missing *component.MissingError
	equal(t, asError(err, &missing), true)
	equal(t, err.Error(), "secrets are missing: s (environment variable NOT_SET_ANYWHERE is not set)")
}

func TestASecretIsReadWhenItIsUsed(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "jwt"), "first\r\n")
	t.Setenv("A_KEY", " kept as it is\n")
	server := need(t, component.SecretRef{SecretKey: "key", RefKind: "env", RefName: "A_KEY"}, component.SecretRef{SecretKey: "jwt", RefKind: "file", RefName: file})
	var log logged
	cfg := server.Config("c")
	cfg.Logger = log.logger()
	s := start(t, cfg)
	secret := func(key string) string {
		value, err := s.Secret(key)
		noError(t, err)
		return value
	}
	equal(t, secret("key"), " kept as it is\n")
	equal(t, secret("jwt"), "first")
	write(t, file, "second\n\n")
	equal(t, secret("jwt"), "second\n")
	_, err := s.Secret("another")
	isError(t, err, component.ErrNotInPacket)
	equal(t, strings.Contains(log.String(), "first") || strings.Contains(log.String(), server.Key), false)
}
