package app_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/pki"
)

// authorities are those of a program that speaks TLS, and how it is told of them.
type authorities struct {
	server, clients, domain *pki.CA // domain is of trust domain example.org
}

func newAuthorities(t *testing.T) authorities {
	t.Helper()
	return authorities{pki.NewCA(t, "server"), pki.NewCA(t, "clients"), pki.NewCA(t, "example.org")}
}

// serving has the program speak TLS, without client certificates.
func (s authorities) serving(t *testing.T) func(*app.Config) {
	return func(c *app.Config) { c.TLSCertFile, c.TLSKeyFile = s.server.Server(t, "127.0.0.1").Files(t) }
}

// believing has the program ask for client certificates, too.
func (s authorities) believing(t *testing.T) func(*app.Config) {
	return func(c *app.Config) {
		s.serving(t)(c)
		c.TLSClientCAFile = pki.File(t, s.clients.PEM())
		c.TLSClientSPIFFEBundles = app.List{"example.org=" + pki.File(t, pki.Bundle(t, s.domain))}
	}
}

// reach is a, as a client of its own reaches it, with these certificates, over HTTP/2
// or HTTP/1.1.
func (s authorities) reach(t *testing.T, a *apptest.App, http2 bool, shown ...pki.Pair) *apptest.App {
	t.Helper()
	c := &tls.Config{RootCAs: pki.Pool(s.server)}
	for _, p := range shown {
		c.Certificates = append(c.Certificates, p.TLS(t))
	}
	transport := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: http2}
	t.Cleanup(transport.CloseIdleConnections)
	return a.Through(transport)
}

// dial opens a connection for bytes that no client would send.
func (s authorities) dial(t *testing.T, a *apptest.App, protocol string) net.Conn {
	t.Helper()
	d := tls.Dialer{Config: &tls.Config{RootCAs: pki.Pool(s.server), NextProtos: []string{protocol}}}
	conn, err := d.DialContext(context.WithoutCancel(t.Context()), "tcp", a.URL[len("https://"):])
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
