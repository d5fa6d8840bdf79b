package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/pki"
)

// listening is a server that answers with whose certificate it was shown.
func listening(t *testing.T, o Options) (made *TLS, address string) {
	t.Helper()
	o.Now, o.Log = time.Now, slog.New(slog.DiscardHandler)
	made, err := New(o)
	require.NoError(t, err)
	who := made.Certificates()
	s := &http.Server{
		TLSConfig: made.Config(), ConnContext: made.Context(), ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if who != nil {
				if c := who(r); c != nil {
					_, _ = io.WriteString(w, c.Subject)
				}
			}
		}),
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = s.ServeTLS(l, "", "") }()
	t.Cleanup(func() { _ = s.Close() })
	return made, l.Addr().String()
}

type asker struct {
	*http.Client
	url string
}

func asking(t *testing.T, address string, c *tls.Config) asker {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return asker{&http.Client{Transport: transport}, "https://" + address}
}

// ask returns the answer and the version of HTTP.
func (a asker) ask(t *testing.T) (string, int, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url, http.NoBody)
	require.NoError(t, err)
	answer, err := a.Do(r)
	if err != nil {
		return "", 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), answer.ProtoMajor, err
}

func TestOldVersionsAndWeakSuitesAreRefused(t *testing.T) {
	t.Parallel()
	ca := pki.NewCA(t, "ca")
	var o Options
	o.CertFile, o.KeyFile = ca.Server(t, "127.0.0.1").Files(t)
	_, address := listening(t, o)
	for what, c := range map[string]*tls.Config{
		"TLS 1.1":        {MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10},
		"no AEAD":        {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}},
		"no common ALPN": {NextProtos: []string{"spdy/3"}},
	} {
		c.RootCAs = pki.Pool(ca)
		conn, err := (&tls.Dialer{Config: c}).DialContext(t.Context(), "tcp", address)
		if err == nil { // a client of 1.3 is told later
			_, err = conn.Read(make([]byte, 1))
		}
		require.Error(t, err, what)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, protocol := range protocols {
			c := &tls.Config{RootCAs: pki.Pool(ca), MinVersion: version, MaxVersion: version, NextProtos: []string{protocol}}
			conn, err := (&tls.Dialer{Config: c}).DialContext(t.Context(), "tcp", address)
			require.NoError(t, err)
			s := conn.(*tls.Conn).ConnectionState()
			require.Equal(t, []any{version, protocol}, []any{s.Version, s.NegotiatedProtocol})
			require.NoError(t, conn.Close())
		}
	}
}

func TestATrustThatWasWithdrawnHoldsForKeptAndResumedConnectionsToo(t *testing.T) {
	t.Parallel()
	ca, clients, others := pki.NewCA(t, "ca"), pki.NewCA(t, "example.org"), pki.NewCA(t, "other")
	o := Options{SPIFFEBundles: []string{"example.org=" + pki.File(t, pki.Bundle(t, clients))}}
	o.CertFile, o.KeyFile = ca.Server(t, "127.0.0.1").Files(t)
	made, address := listening(t, o)
	config := func(p pki.Pair) *tls.Config {
		return &tls.Config{RootCAs: pki.Pool(ca), Certificates: []tls.Certificate{p.TLS(t)}, ClientSessionCache: tls.NewLRUClientSessionCache(8), NextProtos: protocols}
	}
	shown := config(clients.SVID(t, "spiffe://example.org/indexer"))
	kept := asking(t, address, shown)
	for range 3 {
		body, version, err := kept.ask(t)
		require.NoError(t, err)
		require.Equal(t, "spiffe://example.org/indexer", body)
		require.Equal(t, 2, version)
	}
	body, _, err := asking(t, address, &tls.Config{RootCAs: pki.Pool(ca)}).ask(t)
	require.NoError(t, err)
	require.Empty(t, body, "who shows none is let in as nobody")

	// A request would do, but for what it writes: that may meet a closed connection before the alert is read.
	resumed := func(config *tls.Config) (bool, error) {
		conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			return false, err
		}
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1)) // HTTP/2's settings, or the alert
		return conn.(*tls.Conn).ConnectionState().DidResume, err
	}
	did, err := resumed(shown)
	require.NoError(t, err)
	require.True(t, did)

	pki.Write(t, o.SPIFFEBundles[0][len("example.org="):], pki.Bundle(t, others))
	made.refresh(context.Background())
	body, _, err = kept.ask(t)
	require.NoError(t, err)
	require.Empty(t, body, "nobody any more")
	_, err = resumed(shown)
	require.ErrorContains(t, err, "bad certificate")
	body, _, err = asking(t, address, config(clients.SVID(t, "spiffe://example.org/indexer"))).ask(t)
	require.NoError(t, err)
	require.Empty(t, body, "a client that was told whom the server believes shows no other's")
	stubborn, other := config(clients.SVID(t, "spiffe://example.org/indexer")), clients.SVID(t, "spiffe://example.org/indexer").TLS(t)
	stubborn.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &other, nil }
	_, err = resumed(stubborn)
	require.ErrorContains(t, err, "bad certificate")
	body, _, err = asking(t, address, config(others.SVID(t, "spiffe://example.org/indexer"))).ask(t)
	require.NoError(t, err)
	require.Equal(t, "spiffe://example.org/indexer", body)

	pki.Write(t, o.SPIFFEBundles[0][len("example.org="):], pki.Bundle(t, others, clients))
	made.refresh(context.Background())
	body, _, err = kept.ask(t)
	require.NoError(t, err)
	require.Equal(t, "spiffe://example.org/indexer", body, "somebody again")
}

func TestAClientIsToldWhoseCertificatesAreBelieved(t *testing.T) {
	t.Parallel()
	ca, clients, own := pki.NewCA(t, "ca"), pki.NewCA(t, "clients"), pki.NewCA(t, "example.org")
	o := Options{ClientCAFile: pki.File(t, clients.PEM()), SPIFFEBundles: []string{"example.org=" + pki.File(t, pki.Bundle(t, own))}}
	o.CertFile, o.KeyFile = ca.Server(t, "127.0.0.1").Files(t)
	_, address := listening(t, o)
	var told [][]byte
	conn, err := (&tls.Dialer{Config: &tls.Config{
		RootCAs: pki.Pool(ca), GetClientCertificate: func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			told = r.AcceptableCAs
			return new(tls.Certificate), nil
		},
	}}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.ElementsMatch(t, [][]byte{clients.RawSubject, own.RawSubject}, told)
}

func TestAServerServesItsNewCertificateWithoutARestart(t *testing.T) {
	t.Parallel()
	ca := pki.NewCA(t, "ca")
	var o Options
	o.CertFile, o.KeyFile = ca.Server(t, "127.0.0.1").Files(t)
	made, address := listening(t, o)
	require.Nil(t, made.Certificates())
	require.Nil(t, made.Context())
	serial := func() string {
		var leaf *x509.Certificate
		conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: pki.Pool(ca)}}).DialContext(t.Context(), "tcp", address)
		require.NoError(t, err)
		leaf = conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
		require.NoError(t, conn.Close())
		return leaf.SerialNumber.String()
	}
	first := serial()
	require.Equal(t, first, serial())
	next := ca.Server(t, "127.0.0.1")
	pki.Write(t, o.CertFile, next.Cert)
	pki.Write(t, o.KeyFile, next.Key)
	made.refresh(context.Background())
	require.NotEqual(t, first, serial())
	require.Equal(t, next.TLS(t).Leaf.SerialNumber.String(), serial())
}
