package app_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/pki"
)

// The server goes by its own clock: a changed file is seen within ten seconds.
func TestARunningServerTakesUpANewCertificateAndANewTrust(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		served := func() string {
			conn := s.dial(t, a, "http/1.1").(*tls.Conn)
			defer conn.Close()
			return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
		}
		expiry := func() string {
			for line := range strings.Lines(wire{App: s.reach(t, a, false)}.send(t, "GET", "/metrics", "").Body) {
				if value, ok := strings.CutPrefix(line, "metagate_tls_certificate_expiry_timestamp_seconds "); ok {
					return value
				}
			}
			return ""
		}
		first := served()
		require.NotEmpty(t, expiry())
		kept := wire{s.reach(t, a, true), apptest.AdminKey}
		kept.knock(t).opened(t)
		next := s.server.Server(t, "127.0.0.1")
		pki.Write(t, a.Config.TLSKeyFile, next.Key)
		pki.Write(t, a.Config.TLSCertFile, next.Cert)
		until(t, func() bool { return served() != first })
		require.Equal(t, next.TLS(t).Leaf.SerialNumber.String(), served())
		kept.knock(t).opened(t)

		// So is whom the server believes: a certificate that was shown on a kept connection
		// counts no more.
		subjected(t, kept, "1", svid)
		own := wire{s.reach(t, a, true, s.domain.SVID(t, svid)), ""}
		own.knock(t).opened(t)
		_, bundle, _ := strings.Cut(a.Config.TLSClientSPIFFEBundles[0], "=")
		pki.Write(t, bundle, pki.Bundle(t, pki.NewCA(t, "another")))
		var last wired
		until(t, func() bool { last = own.knock(t); return last.Status != http.StatusNotFound })
		last.anonymous(t)
		require.NoError(t, a.Close())
		require.Equal(t, 2, strings.Count(a.Log.String(), "TLS files renewed"))
	}, s.believing(t))
}

func TestWhatBreaksTheHandshakeIsLoggedAndAMereConnectionIsNot(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		address := strings.TrimPrefix(a.URL, "https://")
		for _, says := range []string{"", "nonsense, nonsense\r\n\r\n"} {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
			require.NoError(t, err)
			_, err = io.WriteString(conn, says)
			require.NoError(t, err)
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			_, _ = io.ReadAll(conn) // until the server has seen it
			require.NoError(t, conn.Close())
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/health", http.NoBody)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, "plain HTTP is told so")
		require.NoError(t, resp.Body.Close())
		wire{s.reach(t, a, true), apptest.AdminKey}.knock(t).opened(t)
		require.NoError(t, a.Close())
		require.Equal(t, 2, strings.Count(a.Log.String(), `"level":"WARN","msg":"http: TLS handshake error`), a.Log.String())
		require.NotContains(t, a.Log.String(), ": EOF")
	}, s.serving(t))
}
