package app

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// environ is what configured sets: the tests of one environment can't run beside another's.
type environ map[string]string

func (e environ) config(t *testing.T, args ...string) (Config, error) {
	t.Helper()
	for name, value := range e {
		t.Setenv(name, value)
	}
	var c Config
	k, err := kong.New(&c, Environment())
	require.NoError(t, err)
	_, err = k.Parse(args)
	return c, err
}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func TestSettingsThatContradictThemselvesAreRefusedByName(t *testing.T) {
	file, other := secretFile(t, "hunter2\n"), secretFile(t, "hunter2\n")
	for name, tc := range map[string]struct {
		env  environ
		want []string
	}{
		"two spellings":                   {environ{"PORT": "1", "METAGATE_PORT": "2"}, []string{"PORT and METAGATE_PORT"}},
		"two secrets":                     {environ{"JWT_SECRET": "hunter2", "METAGATE_JWT_SECRET": "hunter22"}, []string{"JWT_SECRET and METAGATE_JWT_SECRET"}},
		"two versions":                    {environ{"METAGATE_VERSION": "1", "METAGATE_METAGATE_VERSION": "2"}, []string{"METAGATE_VERSION and METAGATE_METAGATE_VERSION"}},
		"a secret and its file":           {environ{"ADMIN_API_KEY": "hunter2", "ADMIN_API_KEY_FILE": file}, []string{"ADMIN_API_KEY and ADMIN_API_KEY_FILE"}},
		"a secret and its file, prefixed": {environ{"METAGATE_DATABASE_URL": "hunter2", "DATABASE_URL_FILE": file}, []string{"METAGATE_DATABASE_URL and DATABASE_URL_FILE"}},
		"two files":                       {environ{"JWT_SECRET_FILE": file, "METAGATE_JWT_SECRET_FILE": other}, []string{"JWT_SECRET_FILE and METAGATE_JWT_SECRET_FILE"}},
		"no such file":                    {environ{"JWT_SECRET_FILE": "/nowhere/at/all"}, []string{"JWT_SECRET_FILE", "/nowhere/at/all"}},
		"a directory":                     {environ{"METAGATE_JWT_SECRET_FILE": filepath.Dir(file)}, []string{"METAGATE_JWT_SECRET_FILE"}},
		"an empty file":                   {environ{"JWT_SECRET_FILE": secretFile(t, "\n")}, []string{"JWT_SECRET_FILE", "empty"}},
		"a number that is none":           {environ{"METAGATE_PORT": "http"}, []string{`METAGATE_PORT="http"`}},
		"a list that is half JSON":        {environ{"ADMIN_PRINCIPAL_KEYS": `["a",`}, []string{"ADMIN_PRINCIPAL_KEYS", "JSON list"}},
		"a list of numbers":               {environ{"METAGATE_ADMIN_PRINCIPAL_TYPES": `[1]`}, []string{"METAGATE_ADMIN_PRINCIPAL_TYPES", "JSON list"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tc.env.config(t)
			require.Error(t, err)
			for _, want := range tc.want {
				require.Contains(t, err.Error(), want)
			}
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestEverySettingMayHaveThePrefix(t *testing.T) {
	file := secretFile(t, "from a file\r\n")
	c, err := environ{
		"METAGATE_PORT": "8123", "METAGATE_DATABASE_URL": "sqlite:x", "METAGATE_DEBUG": "true", "METAGATE_METAGATE_VERSION": "0.9",
		"METAGATE_ADMIN_PRINCIPAL_TYPES": `["root", "boss"]`, "METAGATE_DEFAULT_TENANT_KEY": "t", "METAGATE_JWT_SECRET_FILE": file,
		"METAGATE_LOG_FORMAT": "json", "LOG_FORMAT": "json", "HOST": "", "METAGATE_INSTANCE_ID": "one",
	}.config(t)
	require.NoError(t, err)
	require.Equal(t, 8123, c.Port)
	require.Equal(t, "sqlite:x", c.DatabaseURL)
	require.True(t, c.Debug)
	require.Equal(t, "0.9", c.MetagateVersion)
	require.Equal(t, List{"root", "boss"}, c.AdminPrincipalTypes)
	require.Equal(t, "t", c.DefaultTenantKey)
	require.Equal(t, "from a file", c.JWTSecret)
	require.Equal(t, "json", c.LogFormat)
	require.Equal(t, "one", c.InstanceID)
}

func TestAFlagWinsOverAllThatTheEnvironmentSays(t *testing.T) {
	c, err := environ{"PORT": "1", "METAGATE_PORT": "2", "JWT_SECRET_FILE": "/nowhere"}.config(t, "--port=3", "--jwt-secret=s")
	require.NoError(t, err)
	require.Equal(t, 3, c.Port)
	require.Equal(t, "s", c.JWTSecret)
}

func TestDefaultConfigReadsTheEnvironmentToo(t *testing.T) {
	t.Setenv("ADMIN_API_KEY_FILE", secretFile(t, "k\n"))
	t.Setenv("METAGATE_DRAIN_SECONDS", "7")
	c, err := DefaultConfig()
	require.NoError(t, err)
	require.Equal(t, "k", c.AdminAPIKey)
	require.EqualValues(t, 7, c.DrainSeconds)
	require.Equal(t, List{"admin"}, c.AdminPrincipalTypes)
}

func TestKubernetesServiceLinksAreNoSettings(t *testing.T) {
	c, err := environ{"METAGATE_PORT": "tcp://10.43.0.7:8000"}.config(t)
	require.NoError(t, err)
	require.Equal(t, 8000, c.Port)
}

func TestAListMayBeWrittenInSeveralWays(t *testing.T) {
	for text, want := range map[string]List{
		"a": {"a"}, "a,b": {"a", "b"}, " a , b,": {"a", "b"}, `["a","b"]`: {"a", "b"}, ` [ "a", " b " ] `: {"a", "b"}, `["a,b"]`: {"a,b"}, "[]": nil,
	} {
		t.Run(text, func(t *testing.T) {
			c, err := environ{"ADMIN_PRINCIPAL_KEYS": text}.config(t)
			require.NoError(t, err)
			require.Equal(t, want, c.AdminPrincipalKeys)
		})
	}
	c, err := environ{"ADMIN_PRINCIPAL_KEYS": "env"}.config(t, "--admin-principal-keys=a,b", `--admin-principal-keys=["c"]`)
	require.NoError(t, err)
	require.Equal(t, List{"a", "b", "c"}, c.AdminPrincipalKeys)
}

func TestWhatNobodyReadsIsNamedWithWhatItMayHaveMeant(t *testing.T) {
	t.Setenv("METAGATE_DB_PORT", "tcp://10.43.0.8:5432")
	k, err := kong.New(&Config{}, Environment())
	require.NoError(t, err)
	require.Empty(t, Unread(k.Model, []string{
		"PATH=/bin", "JWT_SECRT=x", "METAGATE_PORT=8000", "METAGATE_METAGATE_VERSION=0.1", "METAGATE_JWT_SECRET_FILE=/s", "JWT_SECRET_FILE=/s",
		"METAGATE_ENDPOINT=http://metagate:8000", "METAGATE_SERVICE_HOST=10.43.0.7", "METAGATE_SERVICE_PORT=8000", "METAGATE_SERVICE_PORT_HTTP=8000",
		"METAGATE_PORT_8000_TCP=tcp://10.43.0.7:8000", "METAGATE_PORT_8000_TCP_PROTO=tcp", "METAGATE_DB_PORT=tcp://10.43.0.8:5432", "METAGATE_POSTGRESQL_SERVICE_HOST=10.43.0.9",
	}))
	require.Equal(t, "METAGATE_CORS_ALLOW_ORIGINS (did you mean METAGATE_CORS_ALLOWED_ORIGINS?), "+
		"METAGATE_JWT_SECRT (did you mean METAGATE_JWT_SECRET?), METAGATE_RATE_LIMIT_ENABLED, METAGATE_X",
		Unread(k.Model, []string{"METAGATE_X=1", "METAGATE_JWT_SECRT=hunter2", "METAGATE_RATE_LIMIT_ENABLED=false", "METAGATE_CORS_ALLOW_ORIGINS=[]"}))
}

func TestDefaultsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*Config){
		"DEFAULT_TENANT_KEY":     func(c *Config) { c.DefaultTenantKey = "a b" },
		"DEFAULT_DEPLOYMENT_KEY": func(c *Config) { c.DefaultDeploymentKey = strings.Repeat("d", 256) },
		"ADMIN_PRINCIPAL_TYPES":  func(c *Config) { c.AdminPrincipalTypes = nil },
		"MAX_BODY_BYTES":         func(c *Config) { c.MaxBodyBytes = math.MaxInt64 },
		"APPLY_MAX_BYTES":        func(c *Config) { c.ApplyMaxBytes = math.MaxInt64 },
		"SHUTDOWN_SECONDS":       func(c *Config) { c.ShutdownSeconds = 9_300_000_000 },
	} {
		c, err := DefaultConfig()
		require.NoError(t, err)
		require.NoError(t, c.Check())
		edit(&c)
		require.ErrorContains(t, c.Check(), name)
	}
}
