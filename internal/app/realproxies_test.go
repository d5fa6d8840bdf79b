package app_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/pki"
	"github.com/legivellum/metagate/internal/test/programs"
)

// example is a file of examples/proxy with what an operator would change in it.
func example(t *testing.T, name string, changes ...string) string {
	t.Helper()
	b, err := os.ReadFile("../../examples/proxy/" + name)
	require.NoError(t, err)
	text := string(b)
	for i := 0; i < len(changes); i += 2 {
		require.Contains(t, text, changes[i], name)
		text = strings.ReplaceAll(text, changes[i], changes[i+1])
	}
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// freeAddress is one of the loopback where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// runBeside runs a program until the test's end.
func runBeside(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), name, args...)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
}

// nginx starts the example before a server, and returns where.
func nginx(t *testing.T, program string, to *apptest.App, pair pki.Pair) (address string) {
	t.Helper()
	address, dir := freeAddress(t), t.TempDir()
	cert, key := pair.Files(t)
	conf := example(t, "nginx.conf",
		"10.0.0.1:8000", strings.TrimPrefix(to.URL, "http://"), "10.0.0.2:8000", freeAddress(t),
		"    listen [::]:443 ssl http2;\n", "", "listen 443 ssl http2;", "listen "+address+" ssl http2;",
		"/etc/ssl/metagate.pem", cert, "/etc/ssl/metagate.key", key)
	whole := "daemon off; master_process off; pid " + dir + "/pid; error_log stderr; events {}\nhttp {\naccess_log off;\n"
	for _, what := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		whole += what + "_temp_path " + dir + "/" + what + ";\n"
	}
	main := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(main, []byte(whole+"include "+conf+";\n}\n"), 0o600))
	runBeside(t, program, "-e", "stderr", "-p", dir, "-c", main)
	return address
}

// haproxy starts the example before a server, and returns where.
func haproxy(t *testing.T, program string, to *apptest.App, pair pki.Pair) (address string) {
	t.Helper()
	address = freeAddress(t)
	runBeside(t, program, "-db", "-f", example(t, "haproxy.cfg",
		"10.0.0.1:8000", strings.TrimPrefix(to.URL, "http://"), "10.0.0.2:8000", freeAddress(t),
		"bind :443 ssl", "bind "+address+" ssl", "/etc/ssl/metagate.pem", pki.File(t, append(pair.Cert, pair.Key...))))
	return address
}

func TestTheExamplesOfProxiesServeAsTheySayTheyDo(t *testing.T) {
	t.Parallel()
	ca := pki.NewCA(t, "ca")
	for name, start := range map[string]func(*testing.T, string, *apptest.App, pki.Pair) string{"nginx": nginx, "haproxy": haproxy} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := programs.Find(t, name)
			apptest.Each(t, func(t *testing.T, a *apptest.App) {
				address := start(t, program, a, ca.Server(t, "127.0.0.1"))
				// reach is the program through the proxy, from another address of this host.
				reach := func(from string, http2 bool) *apptest.App {
					d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
					transport := &http.Transport{DialContext: d.DialContext, ForceAttemptHTTP2: http2, TLSClientConfig: &tls.Config{RootCAs: pki.Pool(ca)}}
					t.Cleanup(transport.CloseIdleConnections)
					return (&apptest.App{App: &app.App{URL: "https://" + address}, Config: a.Config}).Through(transport)
				}
				admin := wire{reach("127.0.0.2", true), apptest.AdminKey}
				until(t, func() bool {
					r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, admin.URL+"/ready", http.NoBody)
					require.NoError(t, err)
					resp, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pki.Pool(ca)}}}).Do(r)
					if err == nil {
						_ = resp.Body.Close()
					}
					return err == nil && resp.StatusCode == http.StatusOK
				})
				w := newWireWorld(t, admin, "1")
				opened := 1 // by newWireWorld
				for _, http2 := range []bool{true, false} {
					for _, from := range []string{"127.0.0.2", "127.0.0.3"} {
						for range 10 { // half of them would go to the server that isn't there
							got := wire{reach(from, http2), w.component.credential}.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`,
								"X-Forwarded-For", "198.51.100.1", "Forwarded", "for=198.51.100.1")
							require.Equal(t, 200, got.Status, got.Body)
							opened++
						}
						list, _ := adminList[model.StartupSession](t, a, "startups?limit=1000")
						require.Len(t, list, opened, "one receipt each")
						require.Equal(t, from, list[0].RemoteAddr.MustGet())
					}
				}
				// A world is larger than other bodies; each answer has the id of the proxy's log.
				got := admin.send(t, "POST", "/v1/admin/apply", "{}"+strings.Repeat(" ", 3<<20))
				require.Equal(t, 200, got.Status, got.Body)
				require.NotEmpty(t, got.Header.Get("X-Request-Id"))
				require.Equal(t, 200, admin.send(t, "GET", "/v1/admin/export", "").Status)
				call := w.component.send(t, "POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"metagate.bootstrap","arguments":{"component_key":"c"}}}`)
				require.Equal(t, 200, call.Status, call.Body)

				told := 0
				for range 60 {
					if (wire{reach("127.0.0.4", true), "a.b.c"}).knock(t, "X-Forwarded-For", "198.51.100.1").Status == http.StatusTooManyRequests {
						told++
					}
				}
				require.Positive(t, told)
				wire{reach("127.0.0.5", true), "a.b.c"}.knock(t).anonymous(t)
				require.NoError(t, a.Close())
				require.NotContains(t, a.Log.String(), "198.51.100.1")
			}, func(c *app.Config) { c.TrustedProxies = app.List{"127.0.0.1"} }, limited)
		})
	}
}
