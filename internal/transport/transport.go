// Package transport is what is known of a connection before a request is read: TLS,
// whose certificates are read again when they change, who the other end is by its
// client certificate, and which address it has behind proxies that are trusted.
package transport

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/legivellum/metagate/internal/identity"
)

// Options say which files TLS is made of.
type Options struct {
	CertFile string // TLS_CERT_FILE: PEM, the server's certificate first, then its intermediates
	KeyFile  string // TLS_KEY_FILE: PEM, not encrypted

	// Whose client certificates are believed; with neither none is asked for.
	ClientCAFile  string   // TLS_CLIENT_CA_FILE: PEM
	SPIFFEBundles []string // TLS_CLIENT_SPIFFE_BUNDLES: each TRUST_DOMAIN=FILE

	Now func() time.Time
	Log *slog.Logger
}

// TLS is the server's side of it.
type TLS struct {
	now   func() time.Time
	log   *slog.Logger
	files []*watched
	asks  bool // for client certificates

	certificate atomic.Pointer[tls.Certificate]
	trust       atomic.Pointer[trust]
	config      atomic.Pointer[tls.Config] // of the trust that is in force
}

// New reads the files; run [TLS.Watch] to follow them. An error is one line that
// names the setting to change.
func New(o Options) (*TLS, error) {
	t := &TLS{now: o.Now, log: o.Log, asks: o.ClientCAFile != "" || len(o.SPIFFEBundles) > 0}
	t.files = []*watched{{setting: "TLS_CERT_FILE, TLS_KEY_FILE", paths: []string{o.CertFile, o.KeyFile}, take: t.takeCertificate}}
	if t.asks {
		trusted, err := newTrusted(o)
		if err != nil {
			return nil, err
		}
		t.files = append(t.files, &watched{setting: trusted.setting(), paths: trusted.paths(), take: func(texts [][]byte) error {
			return t.takeTrust(trusted, texts)
		}})
	}
	t.config.Store(t.configured(nil))
	for _, f := range t.files {
		if _, err := f.read(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// protocols are those of ALPN (RFC 7301).
var protocols = []string{"h2", "http/1.1"}

// suites are those of TLS 1.2 that have forward secrecy and an AEAD, which HTTP/2
// wants, too (RFC 9113, appendix A). Those of 1.3 are all good.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// configured is a handshake's configuration. A client certificate is asked for and may
// be left out: keys and tokens open doors, too. It is checked here rather than by
// crypto/tls, which knows one set of roots, where a trust domain has its own.
func (t *TLS) configured(trusts *trust) *tls.Config {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: suites, NextProtos: protocols, Time: t.now,
		DynamicRecordSizingDisabled: true, // answers are small: one record each, from the first on
		GetCertificate:              func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return t.certificate.Load(), nil },
	}
	if trusts != nil {
		c.ClientAuth, c.ClientCAs = tls.RequestClientCert, trusts.all // whose names the client is told
		c.VerifyConnection = t.verify
	}
	return c
}

// Config is what the listener is given.
func (t *TLS) Config() *tls.Config {
	c := t.config.Load().Clone() // its session tickets outlast what is read again
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return t.config.Load(), nil }
	return c
}

// verify refuses a handshake, a resumed one too, with a certificate that nobody
// trusted has signed.
func (t *TLS) verify(s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return nil
	}
	_, err := t.trust.Load().verify(s.PeerCertificates, t.now())
	return err
}

// peer is what was found out about a connection's client, under one trust.
type peer struct {
	under *trust
	as    *identity.Certificate // nil where it isn't trusted any more
}

type peerKey struct{}

// Context is for http.Server.ConnContext: a place to keep what is found out of the client;
// nil where there will be nothing.
func (t *TLS) Context() func(context.Context, net.Conn) context.Context {
	if !t.asks {
		return nil
	}
	return func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, peerKey{}, new(atomic.Pointer[peer]))
	}
}

// Certificates is what reads the client's certificate of a request's connection; nil
// where none is asked for.
func (t *TLS) Certificates() func(*http.Request) *identity.Certificate {
	if !t.asks {
		return nil
	}
	return t.read
}

// read is the client's certificate that a request's connection showed, or nil. What the
// handshake found is checked again when the trust has changed since: a connection may
// be older than that.
func (t *TLS) read(r *http.Request) *identity.Certificate {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	kept, ok := r.Context().Value(peerKey{}).(*atomic.Pointer[peer])
	if !ok {
		return nil
	}
	trusts := t.trust.Load()
	p := kept.Load()
	if p == nil || p.under != trusts {
		p = &peer{under: trusts}
		p.as, _ = trusts.verify(r.TLS.PeerCertificates, t.now())
		kept.Store(p)
	}
	return p.as
}
