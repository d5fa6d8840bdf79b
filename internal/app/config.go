package app

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/legivellum/metagate/internal/contract"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/telemetry"
)

// Database says where the data is.
type Database struct {
	DatabaseURL string `env:"DATABASE_URL" secret:"" default:"sqlite:metagate.db" help:"Database: postgres://USER:PASSWORD@HOST:PORT/DATABASE, or sqlite:PATH for the embedded engine."`
}

// Tokens says which JWTs are accepted.
type Tokens struct {
	JWTSecret        string `name:"jwt-secret" env:"JWT_SECRET" secret:"" default:"change-me-in-production" help:"Secret of HS256, HS384 and HS512 tokens, at least as long as the hash. While it is the default no JWT is accepted, unless DEBUG is set."`
	JWTAlgorithm     string `name:"jwt-algorithm" env:"JWT_ALGORITHM" default:"HS256" help:"The one algorithm that tokens may use: HS256/384/512, or RS, PS, ES256/384/512 or EdDSA with a key file."`
	JWTIssuer        string `name:"jwt-issuer" env:"JWT_ISSUER" placeholder:"ISS" help:"The iss that tokens must have. Empty: not checked."`
	JWTAudience      string `name:"jwt-audience" env:"JWT_AUDIENCE" placeholder:"AUD" help:"The aud that tokens must have. Empty: not checked."`
	JWTPublicKeyFile string `name:"jwt-public-key-file" env:"JWT_PUBLIC_KEY_FILE" placeholder:"FILE" help:"PEM file with the public key of RS, PS, ES or EdDSA tokens."`
	JWTJWKSFile      string `name:"jwt-jwks-file" env:"JWT_JWKS_FILE" placeholder:"FILE" help:"JWKS file with the public keys of RS, PS, ES or EdDSA tokens; read again when it changes."`
}

// ReceiptGate says where startups are mirrored to.
type ReceiptGate struct {
	Endpoint     string `name:"receiptgate-endpoint" env:"RECEIPTGATE_ENDPOINT" placeholder:"URL" help:"LegiVellum's ledger, which is told of every startup, beside the requests; /mcp is added unless it is there. Empty: none."`
	AuthToken    string `name:"receiptgate-auth-token" env:"RECEIPTGATE_AUTH_TOKEN" secret:"" placeholder:"TOKEN" help:"Bearer token for the ledger."`
	EmitReceipts bool   `name:"receiptgate-emit-receipts" env:"RECEIPTGATE_EMIT_RECEIPTS" default:"true" negatable:"" help:"Tell the ledger. While it is off startups wait for it to be on again."`
	SourceSystem string `name:"receiptgate-source-system" env:"RECEIPTGATE_SOURCE_SYSTEM" default:"metagate" help:"source_system of the receipts: the principal that the ledger knows the token by."`
}

// Config is everything that serve needs: the tags are the flags, the environment
// variables, the defaults and the help (seed, Configuration; contract 9).
type Config struct {
	Host string `env:"HOST" default:"0.0.0.0" help:"Address to listen on."`
	Port int    `env:"PORT" default:"8000" help:"Port to listen on; 0 picks a free one."`
	TLS
	Database
	AutoMigrate bool `env:"AUTO_MIGRATE" default:"true" negatable:"" help:"Apply pending migrations at start."`

	Tokens
	IssuersFile  string `name:"issuers-file" env:"ISSUERS_FILE" placeholder:"FILE" help:"YAML or JSON file with further issuers of tokens, each with its keys, audience and subject: Kubernetes, GitHub, SPIRE, OpenID providers."`
	APIKeyHeader string `name:"api-key-header" env:"API_KEY_HEADER" default:"X-API-Key" help:"Header that carries an API key."`

	AdminAPIKey           string `name:"admin-api-key" env:"ADMIN_API_KEY" secret:"" placeholder:"KEY" help:"Makes sure at start that this key opens principal admin of the default tenant; at least 32 visible ASCII characters."`
	AdminPrincipalTypes   List   `name:"admin-principal-types" env:"ADMIN_PRINCIPAL_TYPES" default:"admin" placeholder:"TYPE,..." help:"principal_types whose principals are admins, with commas or as a JSON list."`
	AdminPrincipalKeys    List   `name:"admin-principal-keys" env:"ADMIN_PRINCIPAL_KEYS" placeholder:"KEY,..." help:"principal_keys of principals that are admins whatever their type, with commas or as a JSON list."`
	AdminAllowCrossTenant bool   `env:"ADMIN_ALLOW_CROSS_TENANT" default:"false" help:"Admins see and change every tenant."`
	RequireReason         bool   `env:"REQUIRE_REASON" default:"false" help:"Refuse admin writes that do not say why: the header Metagate-Reason, or message of an apply."`

	DefaultTenantKey         string `env:"DEFAULT_TENANT_KEY" default:"default" help:"Tenant of the first admin, and of what the commands make: of all who name none."`
	DefaultDeploymentKey     string `env:"DEFAULT_DEPLOYMENT_KEY" default:"default" help:"deployment_key of manifests that name none."`
	DefaultStartupSLASeconds int64  `name:"default-startup-sla-seconds" env:"DEFAULT_STARTUP_SLA_SECONDS" default:"120" help:"Seconds a component has to report READY or FAILED, where its profile does not say."`
	ReceiptRetentionHours    int64  `env:"RECEIPT_RETENTION_HOURS" default:"72" help:"Hours that startup receipts are kept; 0 keeps them forever."`
	OutcomeRetentionDays     int64  `env:"OUTCOME_RETENTION_DAYS" default:"400" help:"Days that is kept how many startups came to what; 0 keeps it forever."`
	EventRetentionDays       int64  `env:"EVENT_RETENTION_DAYS" default:"30" help:"Days that events are kept once all sinks have taken them, and twice as long for a sink that does not; 0 keeps them forever."`
	PacketRetentionHours     *int64 `env:"PACKET_RETENTION_HOURS" placeholder:"HOURS" help:"Hours that the packets of startups are kept: as long as RECEIPT_RETENTION_HOURS unless it is set; 0 keeps them forever."`

	SigningKeyFile string `env:"SIGNING_KEY_FILE" placeholder:"FILE" help:"PEM file with the Ed25519 key that signs packets, from metagate keys signing; read again when it changes. Empty: one beside the embedded database, made at the first start, and none on PostgreSQL; none signs nothing."`

	ReceiptGate `kong:"embed"`

	SinksFile string `env:"SINKS_FILE" placeholder:"FILE" help:"YAML or JSON file that names who is told of events: signed webhooks, and LegiVellum's ledger. Empty: nobody."`

	MaxBodyBytes       int64  `env:"MAX_BODY_BYTES" default:"1048576" help:"Largest request body in bytes; a larger one is answered with 413."`
	ApplyMaxBytes      int64  `env:"APPLY_MAX_BYTES" default:"8388608" help:"Largest world in bytes that POST /v1/admin/apply takes; a larger one is answered with 413."`
	PacketCacheBytes   int64  `env:"PACKET_CACHE_BYTES" default:"67108864" help:"Bytes of memory for compiled packets and known credentials."`
	MaxInFlight        int64  `env:"MAX_IN_FLIGHT" default:"4096" help:"Bootstraps, and reports, that may wait for the database at a time; more are answered with 503."`
	AuthFailureBurst   int64  `env:"AUTH_FAILURE_BURST" default:"20" help:"Refused credentials that an address, or the prefix of an API key, may send at once, then one a second; more are answered with 429. 0 is no limit."`
	StreamListeners    int64  `env:"STREAM_LISTENERS" default:"2000" help:"Streams of events that may be open at a time, half of them of one principal; ten times as many components may watch their packets. More are answered with 503."`
	CORSAllowedOrigins List   `name:"cors-allowed-origins" env:"CORS_ALLOWED_ORIGINS" placeholder:"ORIGIN,..." help:"Web origins that may call the API from a browser, with commas or as a JSON list; * is any. Empty: none."`
	Board              bool   `env:"BOARD" default:"true" negatable:"" help:"Serve the board, for admins and their browsers, at /board/."`
	DrainSeconds       int64  `env:"DRAIN_SECONDS" default:"2" help:"Seconds after SIGTERM in which requests are still taken, while /ready answers 503 and every answer closes its connection; a second signal ends them."`
	ShutdownSeconds    int64  `env:"SHUTDOWN_SECONDS" default:"20" help:"Seconds that all of the shutdown may take, DRAIN_SECONDS and the requests in flight included."`
	LogFormat          string `env:"LOG_FORMAT" default:"auto" enum:"auto,json,text" help:"json, text, or auto: text on a terminal, json elsewhere."`
	Debug              bool   `env:"DEBUG" default:"false" help:"Log more, and accept a JWT_SECRET that is the published default or too short: for development only."`
	InstanceID         string `name:"instance-id" env:"INSTANCE_ID" default:"metagate-1" help:"What GET /health calls this server."`
	MetagateVersion    string `env:"METAGATE_VERSION" default:"0.1" help:"API version that GET / and discovery name."`

	Unread string `kong:"-"` // variables that nobody reads, for the log: see Unread
}

// Check returns one line that names the first setting that can't be.
func (c *Config) Check() error {
	if err := c.checkNetwork(); err != nil {
		return err
	}
	if k := c.AdminAPIKey; k != "" {
		if len(k) < 32 {
			return errors.New("ADMIN_API_KEY is shorter than 32 characters: make one with metagate admin-key or openssl rand -hex 32")
		}
		if _, err := identity.HashAPIKey(k); err != nil {
			return errors.New("ADMIN_API_KEY must be at most 512 visible ASCII characters")
		}
	}
	if !contract.IsKey(c.DefaultTenantKey) || !contract.IsKey(c.DefaultDeploymentKey) {
		return errors.New("DEFAULT_TENANT_KEY and DEFAULT_DEPLOYMENT_KEY must be keys: 1 to 255 of A-Z a-z 0-9 . _ : / @ + -")
	}
	if len(c.AdminPrincipalTypes) == 0 {
		return errors.New("ADMIN_PRINCIPAL_TYPES names no type: leave it unset for admin")
	}
	if c.DefaultStartupSLASeconds < 1 || c.DefaultStartupSLASeconds > 31_536_000 {
		return errors.New("DEFAULT_STARTUP_SLA_SECONDS must be between 1 and 31536000")
	}
	if c.ReceiptRetentionHours < 0 || c.ReceiptRetentionHours > 876_000 {
		return errors.New("RECEIPT_RETENTION_HOURS must be between 0 and 876000")
	}
	if c.OutcomeRetentionDays < 0 || c.OutcomeRetentionDays > 36_500 {
		return errors.New("OUTCOME_RETENTION_DAYS must be between 0 and 36500")
	}
	if c.EventRetentionDays < 0 || c.EventRetentionDays > 36_500 {
		return errors.New("EVENT_RETENTION_DAYS must be between 0 and 36500")
	}
	if h := c.PacketRetentionHours; h != nil && (*h < 0 || *h > 876_000) {
		return errors.New("PACKET_RETENTION_HOURS must be between 0 and 876000")
	}
	if c.MaxBodyBytes < 1024 || c.MaxBodyBytes > 1<<30 {
		return errors.New("MAX_BODY_BYTES must be between 1024 and 1073741824")
	}
	if c.ApplyMaxBytes < 1024 || c.ApplyMaxBytes > 1<<30 {
		return errors.New("APPLY_MAX_BYTES must be between 1024 and 1073741824")
	}
	if c.PacketCacheBytes < 0 || c.MaxInFlight < 1 || c.MaxInFlight > 1_000_000 {
		return errors.New("PACKET_CACHE_BYTES must not be negative, MAX_IN_FLIGHT must be between 1 and 1000000")
	}
	if c.AuthFailureBurst < 0 || c.AuthFailureBurst > 1_000_000 {
		return errors.New("AUTH_FAILURE_BURST must be between 0 and 1000000")
	}
	if c.StreamListeners < 1 || c.StreamListeners > 1_000_000 {
		return errors.New("STREAM_LISTENERS must be between 1 and 1000000")
	}
	if min(c.DrainSeconds, c.ShutdownSeconds) < 0 || max(c.DrainSeconds, c.ShutdownSeconds) > 86_400 {
		return errors.New("DRAIN_SECONDS and SHUTDOWN_SECONDS must be between 0 and 86400")
	}
	return nil
}

func (c *Config) checkNetwork() error {
	if c.Port < 0 || c.Port > 65535 {
		return errors.New("PORT must be between 0 and 65535")
	}
	if err := c.checkTLS(); err != nil {
		return err
	}
	if c.APIKeyHeader == "" || strings.ContainsFunc(c.APIKeyHeader, notToken) || http.CanonicalHeaderKey(c.APIKeyHeader) == "Authorization" {
		return fmt.Errorf("API_KEY_HEADER %q is no usable header name", c.APIKeyHeader)
	}
	for _, o := range c.CORSAllowedOrigins {
		if o != "*" && !strings.HasPrefix(o, "http://") && !strings.HasPrefix(o, "https://") {
			return fmt.Errorf("CORS_ALLOWED_ORIGINS: %q is no origin: write it as https://HOST", o)
		}
	}
	if e := c.Endpoint; e != "" {
		if u, err := url.Parse(e); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return errors.New("RECEIPTGATE_ENDPOINT is no URL of http or https")
		}
	}
	if !contract.IsKey(c.SourceSystem) {
		return errors.New("RECEIPTGATE_SOURCE_SYSTEM must be a key: 1 to 255 of A-Z a-z 0-9 . _ : / @ + -")
	}
	return nil
}

// mirrors tells whether startups are mirrored.
func (r ReceiptGate) mirrors() bool { return r.Endpoint != "" && r.EmitReceipts }

func notToken(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// keepPackets is how long packets are kept; 0 is for ever.
func (c *Config) keepPackets() time.Duration {
	hours := c.ReceiptRetentionHours
	if c.PacketRetentionHours != nil {
		hours = *c.PacketRetentionHours
	}
	return time.Duration(hours) * time.Hour
}

// Address is what to listen on.
func (c *Config) Address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// Verifier is the JWT side of the configuration.
func (c *Config) Verifier() identity.JWTConfig {
	return identity.JWTConfig{
		Secret: c.JWTSecret, Algorithm: c.JWTAlgorithm, PublicKeyFile: c.JWTPublicKeyFile, JWKSFile: c.JWTJWKSFile,
		Issuer: c.JWTIssuer, Audience: c.JWTAudience, AllowDefaultSecret: c.Debug, AllowShortSecret: c.Debug, Now: time.Now,
	}
}

func (c *Config) admins() identity.Admins {
	return identity.Admins{OfTypes: c.AdminPrincipalTypes, Keys: c.AdminPrincipalKeys}
}

// DefaultConfig is the configuration of the environment, without any flag.
func DefaultConfig() (Config, error) {
	var c Config
	k, err := kong.New(&c, Environment())
	if err == nil {
		_, err = k.Parse(nil)
	}
	return c, err
}

// Logger is the log that the configuration asks for; flush writes what is left of it.
func (c *Config) Logger(w io.Writer) (log *slog.Logger, flush func()) {
	return telemetry.Logger(telemetry.LogOptions{Format: c.LogFormat, Debug: c.Debug}, w)
}
