package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
)

// TLSFiles are what a command needs to reach a server whose CA the system doesn't
// know, or that knows its admins by their certificates.
type TLSFiles struct {
	CAFile      string `name:"ca-file" env:"METAGATE_CA_FILE" placeholder:"FILE" help:"PEM file with the CAs that may have signed the server's certificate, instead of the system's."`
	CertFile    string `name:"cert-file" env:"METAGATE_CERT_FILE" placeholder:"FILE" help:"PEM file with a client certificate, which opens the door where no API key is given."`
	CertKeyFile string `name:"cert-key-file" env:"METAGATE_CERT_KEY_FILE" placeholder:"FILE" help:"PEM file with the client certificate's private key."`
}

// client is an HTTP client that goes by the files.
func (f TLSFiles) client() (*http.Client, error) {
	if f == (TLSFiles{}) {
		return http.DefaultClient, nil
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CAFile != "" {
		text, err := os.ReadFile(f.CAFile)
		if err != nil {
			return nil, fmt.Errorf("METAGATE_CA_FILE: %w", err)
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("METAGATE_CA_FILE: no certificate in PEM in %s", f.CAFile)
		}
	}
	if f.CertFile != "" || f.CertKeyFile != "" {
		pair, err := tls.LoadX509KeyPair(f.CertFile, f.CertKeyFile)
		if err != nil {
			return nil, fmt.Errorf("METAGATE_CERT_FILE, METAGATE_CERT_KEY_FILE: %w", err)
		}
		// Shown whatever CAs the server names: who gives one means it.
		t.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return &http.Client{Transport: t}, nil
}

// untrusted is what is wrong with the server's certificate; nil for nothing.
func untrusted(err error) error {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return errors.New("METAGATE_CA_FILE: nobody who is trusted has signed the server's certificate: set it to a file with the CA's")
	}
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("METAGATE_URL: %w", bad)
	}
	return nil
}
