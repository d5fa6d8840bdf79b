package component

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// What a Config that doesn't say otherwise has.
const (
	DefaultAPIKeyHeader   = "X-API-Key"
	DefaultBudget         = 5 * time.Second
	DefaultAttemptTimeout = 2 * time.Second // at most: see Config.AttemptTimeout
)

// Config is who starts, where MetaGate is, and how long to wait for it. Addresses,
// Component and one of APIKey and APIKeyFile are required; no key is with an HTTPClient
// that has a client certificate.
type Config struct {
	// Addresses are the base addresses of MetaGate's replicas, such as
	// http://metagate:8000, asked in turn. The first is preferred until another has
	// answered. They are http or https, without user, query or fragment.
	Addresses []string

	// APIKey is an API key or a JWT: visible ASCII without a space. White space around
	// it is no part of it.
	APIKey string `json:"-"`
	// APIKeyFile is a file that has it, read again for each attempt.
	APIKeyFile string
	// APIKeyHeader is the header for an API key where MetaGate's setting
	// API_KEY_HEADER names another than DefaultAPIKeyHeader. A JWT is sent as
	// Authorization: Bearer.
	APIKeyHeader string

	// Component is the component_key: what is started. 1–255 characters of
	// A-Z a-z 0-9 . _ : / @ + -.
	Component string
	// Principal is a hint at the principal that the credential belongs to: somebody
	// else's is refused with CodePrincipalMismatch.
	Principal string
	// InstanceID is which replica of the component this is, the same after each restart
	// of it: a later start of the same instance supersedes one that never reported.
	// 1–255 characters; leave it empty where restarts change the name.
	InstanceID string
	// Host is where it starts, for the receipt; the host's name where it is empty.
	Host string
	// Labels are what else an operator wants to find on the receipt: at most 16,
	// 4 KiB in all.
	Labels map[string]string
	// Version is the build that starts, reported with READY. Where it is empty it is
	// the main module's version, else the VCS revision, from debug.ReadBuildInfo.
	Version string

	// Budget is for how long Start tries; 0 is DefaultBudget.
	Budget time.Duration
	// ReportBudget is for how long each of Ready, Failed and Close tries; 0 is
	// DefaultBudget.
	ReportBudget time.Duration
	// AttemptTimeout is how long one attempt at one address may take, the answer's
	// body included. 0 is a share of the budget, so that each address gets its turn
	// though the others hang: the budget by one more than there are addresses, and
	// DefaultAttemptTimeout at most. MetaGate answers within a second, if only with 503.
	AttemptTimeout time.Duration

	// CacheDir is a directory for the packet and for starts that MetaGate hasn't been told
	// of: with one, a component starts with the verified packet on its disk where no
	// MetaGate answers. It is made if it isn't there, and may be shared by the components
	// of a host that run as one user. Empty: no packet is kept.
	CacheDir string
	// CacheMaxAge is how old a packet on disk may be that is started with; 0 is
	// DefaultCacheMaxAge.
	CacheMaxAge time.Duration
	// VerifyKeysFile is a JWK set (RFC 7517), one of whose Ed25519 keys has to have signed
	// the packet: a copy of MetaGate's /.well-known/jwks.json that came another way. Without
	// it the keys that MetaGate publishes at the first start are trusted, and those that
	// follow them there.
	VerifyKeysFile string

	// SkipSecretCheck lets Start succeed though secrets are missing: for a component
	// that creates or waits for them itself.
	SkipSecretCheck bool

	// HTTPClient is used instead of one with a clone of http.DefaultTransport: for
	// client certificates, proxies, tracing. Its CheckRedirect is not called: no
	// redirect to another host is followed, as it would get the key.
	HTTPClient *http.Client
	// Logger gets a line for each attempt that failed, each startup and each report;
	// never a key or a secret. nil is silence: a library doesn't write into a log that
	// nobody gave it.
	Logger *slog.Logger

	clock clock
	err   error // of FromEnv, told by Start
}

// String is the configuration without its key, for logs.
func (c Config) String() string {
	return fmt.Sprintf("component %s (instance %q) at %s", c.Component, c.InstanceID, strings.Join(c.Addresses, ", "))
}

// complete is c with its defaults, or everything that is wrong with it.
func (c Config) complete() (Config, error) {
	problems := []error{c.err}
	if len(c.Addresses) == 0 {
		problems = append(problems, errors.New("no address of MetaGate: set Config.Addresses or METAGATE_URL"))
	}
	addresses := make([]string, len(c.Addresses))
	for i, address := range c.Addresses {
		var err error
		addresses[i], err = base(address)
		problems = append(problems, err)
	}
	c.Addresses = addresses
	if c.Component == "" {
		problems = append(problems, errors.New("no component key: set Config.Component or METAGATE_COMPONENT"))
	}
	switch {
	case c.APIKey == "" && c.APIKeyFile == "" && !mayHaveCertificate(c.HTTPClient):
		problems = append(problems, errors.New("no API key: set Config.APIKey or Config.APIKeyFile, METAGATE_API_KEY or METAGATE_API_KEY_FILE"))
	case c.APIKey != "" && c.APIKeyFile != "":
		problems = append(problems, errors.New("two API keys: set one of Config.APIKey and Config.APIKeyFile, of METAGATE_API_KEY and METAGATE_API_KEY_FILE"))
	}
	if c.Budget < 0 || c.ReportBudget < 0 || c.AttemptTimeout < 0 || c.CacheMaxAge < 0 {
		problems = append(problems, errors.New("a budget or timeout below zero"))
	}
	if err := errors.Join(problems...); err != nil {
		return c, fmt.Errorf("metagate: configuration: %w", err)
	}
	return c.withDefaults(), nil
}

// base is an address without the slash at its end.
func base(address string) (string, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return "", errors.New("an address of MetaGate that is no URL") // which may have a password in it
	case u.User != nil:
		return "", fmt.Errorf("address %s: the credential belongs into Config.APIKey", u.Redacted())
	case (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("address %q: write it as http://metagate:8000", address)
	}
	return strings.TrimRight(address, "/"), nil
}
