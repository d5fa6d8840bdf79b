package issuers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/legivellum/metagate/internal/files"
)

// What an issuer may take of us.
const (
	fetchTimeout = 5 * time.Second // for all that one fetch asks
	maxAnswer    = 1 << 20
	discoverAt   = "/.well-known/openid-configuration" // OpenID Connect Discovery 1.0, section 4
)

// remote asks an issuer over HTTP. It is used by one goroutine.
type remote struct {
	issuer    string // what discovery must say
	discovery string // where; empty: keys is known
	keys      string // where the keys are; empty until it is discovered
	caFile    string // PEM; empty for those of the system
	tokenFile string // a bearer token; sent to home alone
	home      string // scheme and host that the file names
	plain     bool   // http anywhere: DEBUG

	transport http.RoundTripper // of tests; nil for a new one each time
}

func (r *remote) fetch(ctx context.Context) (data []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	client, err := r.client()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	if r.keys == "" {
		if r.keys, err = r.discover(ctx, client); err != nil {
			return nil, err
		}
	}
	if data, err = r.get(ctx, client, r.keys); err != nil && r.discovery != "" {
		r.keys = "" // they may have moved
	}
	return data, err
}

// discover asks where the keys are. What answers must be who was meant: its issuer is
// compared as it is written (section 4.3).
func (r *remote) discover(ctx context.Context, client *http.Client) (string, error) {
	data, err := r.get(ctx, client, r.discovery)
	if err != nil {
		return "", err
	}
	var document struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(data, &document); err != nil {
		return "", fmt.Errorf("%s: not a discovery document", r.discovery)
	}
	if document.Issuer != r.issuer {
		return "", fmt.Errorf("%s: its issuer is %.200q, and not %q", r.discovery, document.Issuer, r.issuer)
	}
	if _, err := secureURL(document.Keys, r.plain); err != nil {
		return "", fmt.Errorf("%s: jwks_uri: %w", r.discovery, err)
	}
	return document.Keys, nil
}

func (r *remote) get(ctx context.Context, client *http.Client, where string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, http.NoBody)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	req.Header.Set("Accept", "application/json, application/jwk-set+json")
	if r.tokenFile != "" && req.URL.Scheme+"://"+req.URL.Host == r.home {
		token, err := files.Read(r.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("token_file %s: %w", r.tokenFile, err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, unwrapped(err))
	}
	defer func() { _ = resp.Body.Close() }() // only read
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d", where, resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, unwrapped(err))
	}
	if len(data) > maxAnswer {
		return nil, fmt.Errorf("%s: over 1 MiB", where)
	}
	return data, nil
}

// client is made anew: a fetch is rare, and the CA may have changed.
func (r *remote) client() (*http.Client, error) {
	client := &http.Client{
		Transport:     r.transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the file names whom to ask
	}
	if r.transport != nil {
		return client, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.caFile != "" {
		text, err := files.Read(r.caFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file %s: %w", r.caFile, err)
		}
		if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("ca_file %s: no certificate in PEM in it", r.caFile)
		}
	}
	client.Transport = &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
	}
	return client, nil
}

// unwrapped drops what client.Do puts before an error: the URL is said already.
func unwrapped(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// secureURL reads a URL that keys may be fetched from: https, or http on this host.
func secureURL(text string, plain bool) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return nil, fmt.Errorf("%.200q is no URL of https", text)
	case u.Scheme == "https", u.Scheme == "http" && (plain || loopback(u.Hostname())):
		return u, nil
	}
	return nil, fmt.Errorf("%.200q is not https: keys that anyone on the way may change are nobody's", text)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
