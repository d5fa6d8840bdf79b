package cli

import (
	"crypto/x509/pkix"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/pki"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestFilesOfTLSThatCanNotBeUsedAreWrongUsage(t *testing.T) {
	t.Parallel()
	pair := pki.NewCA(t, "ca").Server(t, "127.0.0.1")
	cert, _ := pair.Files(t)
	for _, tc := range []struct{ env, want string }{
		{"METAGATE_CA_FILE=/nowhere", "METAGATE_CA_FILE"},
		{"METAGATE_CA_FILE=" + pki.File(t, []byte("x")), "METAGATE_CA_FILE: no certificate"},
		{"METAGATE_CERT_FILE=/nowhere", "METAGATE_CERT_FILE"},
		{"METAGATE_CERT_FILE=" + cert, "METAGATE_CERT_KEY_FILE"},
	} {
		r := metagate(t, []string{"METAGATE_URL=https://127.0.0.1:1", "METAGATE_API_KEY=mgk_x", tc.env}, "startups")
		require.Equal(t, exitUsage, r.code, tc.env)
		require.Contains(t, oneLine(t, r.log), tc.want)
	}
}

func TestTheCommandsReachAServerThatSpeaksTLS(t *testing.T) {
	t.Parallel()
	ca, clients := pki.NewCA(t, "ca"), pki.NewCA(t, "clients")
	cert, key := ca.Server(t, "127.0.0.1").Files(t)
	db := "DATABASE_URL=" + testdb.SQLite(t)
	p := serve(t, []string{db, "TLS_CERT_FILE=" + cert, "TLS_KEY_FILE=" + key, "TLS_CLIENT_CA_FILE=" + pki.File(t, clients.PEM()), "ADMIN_API_KEY=" + adminKey})
	require.True(t, strings.HasPrefix(p.url, "https://127.0.0.1:"), p.url)
	know := "METAGATE_CA_FILE=" + pki.File(t, ca.PEM())
	env := func(more ...string) []string { return append([]string{"METAGATE_URL=" + p.url}, more...) }

	r := metagate(t, env("METAGATE_API_KEY="+adminKey), "startups")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, oneLine(t, r.log), "METAGATE_CA_FILE: nobody who is trusted")
	r = metagate(t, env("METAGATE_API_KEY="+adminKey, "METAGATE_CA_FILE="+pki.File(t, clients.PEM())), "startups", "--watch")
	require.Contains(t, oneLine(t, r.log), "METAGATE_CA_FILE", "and is not waited for")
	r = metagate(t, []string{"METAGATE_URL=http" + strings.TrimPrefix(p.url, "https"), "METAGATE_API_KEY=" + adminKey}, "startups")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, oneLine(t, r.log), "this server speaks TLS: write "+p.url)
	named := "METAGATE_URL=https://localhost:" + port(t, p.url)
	r = metagate(t, []string{named, know, "METAGATE_API_KEY=" + adminKey}, "startups")
	require.Contains(t, oneLine(t, r.log), "METAGATE_URL: tls: failed to verify certificate")

	done(t, env(know, "METAGATE_API_KEY="+adminKey), "startups")
	done(t, env("SSL_CERT_FILE="+know[len("METAGATE_CA_FILE="):], "METAGATE_API_KEY="+adminKey), "startups")
	world := file(t, "principals: [{principal_key: ops, auth_subject: 'CN=ops,O=Example', principal_type: admin}]\n")
	done(t, env(know, "METAGATE_API_KEY="+adminKey), "apply", "-f", world)
	own, ownKey := clients.Client(t, pkix.Name{CommonName: "ops", Organization: []string{"Example"}}).Files(t)
	certified := env(know, "METAGATE_CERT_FILE="+own, "METAGATE_CERT_KEY_FILE="+ownKey)
	done(t, certified, "keys", "issue", "ops")
	require.Contains(t, done(t, certified, "audit", "--limit=1"), "ops (mtls)")
	stranger, strangersKey := ca.Client(t, pkix.Name{CommonName: "ops", Organization: []string{"Example"}}).Files(t)
	r = metagate(t, env(know, "METAGATE_CERT_FILE="+stranger, "METAGATE_CERT_KEY_FILE="+strangersKey), "startups")
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, oneLine(t, r.log), "METAGATE_CERT_FILE")

	require.Zero(t, metagate(t, []string{"PORT=" + port(t, p.url), "TLS_CERT_FILE=" + cert}, "healthcheck").code)
	require.Equal(t, 1, metagate(t, []string{"PORT=" + port(t, p.url)}, "healthcheck").code)
	code, log := p.stop(t, syscall.SIGTERM)
	require.Zero(t, code, log)
	require.NotContains(t, strings.Join(append(p.passed, log...), "\n"), "plain HTTP beyond this host")
}

func TestHealthcheckOfAServerWithTLSExits1UnlessItIsAlive(t *testing.T) {
	t.Parallel()
	broken := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	t.Cleanup(broken.Close)
	require.Equal(t, 1, metagate(t, []string{"PORT=" + port(t, broken.URL), "TLS_CERT_FILE=/any"}, "healthcheck").code)
	alive := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	t.Cleanup(alive.Close)
	require.Zero(t, metagate(t, []string{"PORT=" + port(t, alive.URL), "TLS_CERT_FILE=/any"}, "healthcheck").code)
}

func TestAFailureToStartWithTLSIsOneLineThatNamesTheSetting(t *testing.T) {
	t.Parallel()
	cert, key := pki.NewCA(t, "ca").Server(t, "127.0.0.1").Files(t)
	other, _ := pki.NewCA(t, "ca").Server(t, "127.0.0.1").Files(t)
	for name, tc := range map[string]struct {
		want string
		env  []string
	}{
		"a certificate without its key": {"TLS_KEY_FILE", []string{"TLS_CERT_FILE=" + cert}},
		"a certificate that isn't":      {"TLS_CERT_FILE", []string{"TLS_CERT_FILE=/nowhere", "TLS_KEY_FILE=" + key}},
		"another certificate's key":     {"TLS_KEY_FILE", []string{"TLS_CERT_FILE=" + other, "TLS_KEY_FILE=" + key}},
		"clients without TLS":           {"TLS_CERT_FILE", []string{"TLS_CLIENT_CA_FILE=" + cert}},
		"a bundle of no domain":         {"TLS_CLIENT_SPIFFE_BUNDLES", []string{"TLS_CERT_FILE=" + cert, "TLS_KEY_FILE=" + key, "TLS_CLIENT_SPIFFE_BUNDLES=" + cert}},
		"a proxy by its name":           {"TRUSTED_PROXIES", []string{"TRUSTED_PROXIES=proxy"}},
	} {
		r := metagate(t, append([]string{"HOST=127.0.0.1", "PORT=0", "DATABASE_URL=sqlite:x.db"}, tc.env...), "serve")
		require.Equal(t, 1, r.code, name)
		require.Contains(t, oneLine(t, withoutRecords(r.log)), tc.want, name)
	}
}
