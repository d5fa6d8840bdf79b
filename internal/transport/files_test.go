package transport

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/pki"
)

func TestWhatIsNoCertificateIsRefusedAtStart(t *testing.T) {
	t.Parallel()
	ca := pki.NewCA(t, "ca")
	one, two := ca.Server(t, "a"), ca.Server(t, "b")
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}})
	good := func() Options {
		o := Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)}
		o.CertFile, o.KeyFile = one.Files(t)
		return o
	}
	for what, c := range map[string]struct {
		spoil func(*Options)
		says  []string
	}{
		"no certificate":   {func(o *Options) { o.CertFile = "/nowhere/tls.crt" }, []string{"TLS_CERT_FILE", "/nowhere/tls.crt", "no such file"}},
		"no key":           {func(o *Options) { o.KeyFile = "/nowhere/tls.key" }, []string{"TLS_KEY_FILE", "/nowhere/tls.key", "no such file"}},
		"a directory":      {func(o *Options) { o.KeyFile = os.TempDir() }, []string{"TLS_KEY_FILE", "not a regular file"}},
		"a text":           {func(o *Options) { o.CertFile = pki.File(t, []byte("x")) }, []string{"TLS_CERT_FILE", "PEM"}},
		"another's key":    {func(o *Options) { o.KeyFile = pki.File(t, two.Key) }, []string{"TLS_KEY_FILE", "does not match"}},
		"an encrypted key": {func(o *Options) { o.KeyFile = pki.File(t, encrypted) }, []string{"TLS_KEY_FILE", "encrypted"}},
		"a huge file":      {func(o *Options) { o.KeyFile = pki.File(t, bytes.Repeat([]byte{' '}, 1<<20+1)) }, []string{"TLS_KEY_FILE", "over 1 MiB"}},
		"no CA":            {func(o *Options) { o.ClientCAFile = pki.File(t, one.Key) }, []string{"TLS_CLIENT_CA_FILE", "PRIVATE KEY"}},
		"an empty CA file": {func(o *Options) { o.ClientCAFile = pki.File(t, nil) }, []string{"TLS_CLIENT_CA_FILE", "no certificate"}},
		"a bare file":      {func(o *Options) { o.SPIFFEBundles = []string{"/run/bundle.json"} }, []string{"TLS_CLIENT_SPIFFE_BUNDLES", "TRUST_DOMAIN=FILE"}},
		"no trust domain":  {func(o *Options) { o.SPIFFEBundles = []string{"Example.org=/run/bundle.json"} }, []string{"TLS_CLIENT_SPIFFE_BUNDLES"}},
		"no bundle":        {func(o *Options) { o.SPIFFEBundles = []string{"a.example=" + pki.File(t, nil)} }, []string{"TLS_CLIENT_SPIFFE_BUNDLES", "no certificate"}},
		"a domain twice":   {func(o *Options) { o.SPIFFEBundles = []string{"a.example=/a", "spiffe://a.example=/b"} }, []string{"TLS_CLIENT_SPIFFE_BUNDLES", "twice"}},
		"a bundle that isn't": {
			func(o *Options) {
				o.ClientCAFile, o.SPIFFEBundles = pki.File(t, ca.PEM()), []string{"a.example=/nowhere"}
			},
			[]string{"TLS_CLIENT_CA_FILE, TLS_CLIENT_SPIFFE_BUNDLES", "/nowhere"},
		},
	} {
		o := good()
		c.spoil(&o)
		_, err := New(o)
		for _, says := range c.says {
			require.ErrorContains(t, err, says, what)
		}
		require.NotContains(t, err.Error(), "\n", what)
	}
	_, err := New(good())
	require.NoError(t, err)
}

func TestFilesAreReadAgainWhenTheyChangeAndBrokenOnesAreNotTaken(t *testing.T) {
	t.Parallel()
	ca, next := pki.NewCA(t, "ca"), pki.NewCA(t, "next")
	first, second := ca.Server(t, "first"), ca.Server(t, "second")
	var log lockedBuffer
	o := Options{Now: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil)), ClientCAFile: pki.File(t, ca.PEM())}
	o.CertFile, o.KeyFile = first.Files(t)
	made, err := New(o)
	require.NoError(t, err)
	serves := func(name string) {
		t.Helper()
		require.Equal(t, []string{name}, made.certificate.Load().Leaf.DNSNames)
	}

	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go made.Watch(ctx)
		poll := func() { time.Sleep(pollEvery + time.Second); synctest.Wait() }
		poll()
		require.Empty(t, log.take(), "nothing has changed")

		pki.Write(t, o.CertFile, second.Cert) // its key isn't there yet
		poll()
		poll()
		said := log.take()
		require.Equal(t, 1, strings.Count(said, "level=ERROR"), "once per change: %s", said)
		require.Contains(t, said, "TLS_CERT_FILE, TLS_KEY_FILE")
		serves("first")
		pki.Write(t, o.KeyFile, second.Key)
		poll()
		require.Contains(t, log.take(), "renewed")
		serves("second")

		for _, broken := range [][]byte{[]byte("x"), second.Cert} {
			pki.Write(t, o.KeyFile, broken)
			poll()
			poll()
			require.Equal(t, 1, strings.Count(log.take(), "level=ERROR"))
			serves("second")
		}
		require.NoError(t, os.Remove(o.KeyFile))
		poll()
		require.Contains(t, log.take(), "no such file")
		pki.Write(t, o.KeyFile, second.Key)
		poll()
		require.Contains(t, log.take(), "renewed", "it is well again")
		poll()
		require.Empty(t, log.take())

		before, config := made.trust.Load(), made.config.Load()
		pki.Write(t, o.ClientCAFile, []byte("x"))
		poll()
		said = log.take()
		require.Contains(t, said, "level=ERROR")
		require.Contains(t, said, "TLS_CLIENT_CA_FILE")
		require.Same(t, before, made.trust.Load())
		pki.Write(t, o.ClientCAFile, next.PEM())
		poll()
		require.NotSame(t, before, made.trust.Load())
		require.NotSame(t, config, made.config.Load())
		require.True(t, made.trust.Load().cas.Equal(pki.Pool(next)))

		cancel()
		synctest.Wait() // Watch ends, else synctest fails
	})
}

func TestACertificateThatIsNotValidNowIsTold(t *testing.T) {
	t.Parallel()
	ca := pki.NewCA(t, "ca")
	expired := ca.Sign(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	var log lockedBuffer
	o := Options{Now: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil))}
	o.CertFile, o.KeyFile = expired.Files(t)
	made, err := New(o)
	require.NoError(t, err)
	require.Contains(t, log.take(), "level=WARN")
	require.True(t, made.Expires().Before(time.Now()))
}

// lockedBuffer is a log that can be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// take empties the log.
func (l *lockedBuffer) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.b.Reset()
	return l.b.String()
}
