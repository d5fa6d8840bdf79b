package app

import (
	"bytes"
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/legivellum/metagate/internal/transport"
)

// TLS says how connections are secured, and who is believed about where they come from.
type TLS struct {
	TLSCertFile            string `name:"tls-cert-file" env:"TLS_CERT_FILE" placeholder:"FILE" help:"PEM file with the server's certificate and its intermediates: HTTPS is spoken, and nothing else; read again when it changes. Empty: plain HTTP."`
	TLSKeyFile             string `name:"tls-key-file" env:"TLS_KEY_FILE" placeholder:"FILE" help:"PEM file with the certificate's private key; read again when it changes."`
	TLSClientCAFile        string `name:"tls-client-ca-file" env:"TLS_CLIENT_CA_FILE" placeholder:"FILE" help:"PEM file with the CAs whose client certificates are believed; read again when it changes."`
	TLSClientSPIFFEBundles List   `name:"tls-client-spiffe-bundles" env:"TLS_CLIENT_SPIFFE_BUNDLES" placeholder:"TRUST_DOMAIN=FILE,..." help:"SPIFFE bundles, or PEM files, of the trust domains whose X.509-SVIDs are believed, with commas or as a JSON list; read again when they change."`
	TrustedProxies         List   `name:"trusted-proxies" env:"TRUSTED_PROXIES" placeholder:"CIDR,..." help:"Addresses and networks of proxies whose X-Forwarded-For and Forwarded are believed, with commas or as a JSON list. Empty: nobody's."`
}

func (c *Config) checkTLS() error {
	_, err := transport.ParseProxies(c.TrustedProxies)
	switch {
	case err != nil:
		return err
	case c.TLSCertFile != "" && c.TLSKeyFile == "":
		return errors.New("TLS_CERT_FILE is set, but not TLS_KEY_FILE: set it to the file with the certificate's private key")
	case c.TLSCertFile == "" && c.TLSKeyFile != "":
		return errors.New("TLS_KEY_FILE is set, but not TLS_CERT_FILE: set it to the file with the key's certificate")
	case c.TLSCertFile == "" && (c.TLSClientCAFile != "" || len(c.TLSClientSPIFFEBundles) > 0):
		return errors.New("TLS_CLIENT_CA_FILE and TLS_CLIENT_SPIFFE_BUNDLES want TLS: set TLS_CERT_FILE and TLS_KEY_FILE, too")
	}
	return nil
}

// secure reads the files of TLS; nil is plain HTTP.
func (c *Config) secure(to *slog.Logger) (*transport.TLS, error) {
	if c.TLSCertFile == "" {
		return nil, nil //nolint:nilnil // there is none, and nothing is wrong
	}
	return transport.New(transport.Options{
		CertFile: c.TLSCertFile, KeyFile: c.TLSKeyFile, ClientCAFile: c.TLSClientCAFile, SPIFFEBundles: c.TLSClientSPIFFEBundles,
		Now: time.Now, Log: to,
	})
}

// connections tells the server who is at the other end of one. What nobody asks for
// costs nothing.
func (a *App) connections() {
	if proxies, _ := transport.ParseProxies(a.config.TrustedProxies); len(proxies) > 0 { // Check has read them
		a.options.Peer = proxies.Client
	}
	if a.tls != nil {
		a.options.Certificate = a.tls.Certificates()
		a.options.Metrics.CertificateExpiry(a.tls.Expires)
	}
}

// maxStreams is how many requests one connection of HTTP/2 may have under way: no
// fewer than RFC 9113 recommends (section 6.5.2), and far from MAX_IN_FLIGHT.
const maxStreams = 128

// listens is the HTTP server, of whichever versions the connection allows.
func (a *App) listens(handler http.Handler) *http.Server {
	s := &http.Server{
		Handler: handler, ErrorLog: log.New(complaints{a.log}, "", 0),
		ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
	if a.tls != nil {
		s.TLSConfig, s.ConnContext = a.tls.Config(), a.tls.Context()
		// The timeouts are each stream's there. A peer that reads nothing is left, too.
		s.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: writeTimeout}
	}
	return s
}

// complaints are what net/http has to say of connections.
type complaints struct{ log *slog.Logger }

// Write logs a line. Who opens a connection and says nothing is no news: a load balancer
// does so every second to see whether somebody listens.
func (c complaints) Write(line []byte) (int, error) {
	level := slog.LevelWarn
	if bytes.HasPrefix(line, []byte("http: TLS handshake error")) && bytes.HasSuffix(line, []byte(": EOF\n")) {
		level = slog.LevelDebug
	}
	c.log.Log(context.Background(), level, string(bytes.TrimSuffix(line, []byte("\n"))))
	return len(line), nil
}

// serve takes requests until the server is closed.
func (a *App) serve(listener net.Listener) error {
	if a.tls != nil {
		return a.http.ServeTLS(listener, "", "")
	}
	return a.http.Serve(listener)
}

// warnOfPlainHTTP says that whoever is on the network may read keys.
func (a *App) warnOfPlainHTTP(ctx context.Context, at net.Addr) {
	tcp, ok := at.(*net.TCPAddr)
	if a.tls != nil || len(a.config.TrustedProxies) > 0 || (ok && tcp.IP.IsLoopback()) {
		return
	}
	a.log.WarnContext(ctx, "plain HTTP beyond this host: set TLS_CERT_FILE and TLS_KEY_FILE, or TRUSTED_PROXIES to the proxy that speaks TLS")
}
