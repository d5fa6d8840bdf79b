package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
)

func TestASettingThatIsSaidTwiceIsWrongUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"serve"}, {"seed"}, {"migrate", "status"}} {
		r := metagate(t, []string{"DATABASE_URL=sqlite:a.db", "METAGATE_DATABASE_URL=sqlite:b.db"}, args...)
		require.Equal(t, 2, r.code, r.log)
		require.Contains(t, oneLine(t, r.log), "DATABASE_URL and METAGATE_DATABASE_URL are set to different values")
	}
}

func TestTheSpellingsOfASettingAreItsOwn(t *testing.T) {
	t.Parallel()
	k, err := kong.New(&cli{}, kong.Name("metagate"), app.Environment())
	require.NoError(t, err)
	names := map[string]string{}
	walk(k.Model.Node, func(n *kong.Node) {
		for _, f := range n.Flags {
			all := f.Envs
			for _, env := range f.Envs {
				all = append(all, env+"_FILE")
			}
			for _, env := range all {
				if before, ok := names[env]; ok && !aFileOf(before, f.Name) && !aFileOf(f.Name, before) {
					require.Equal(t, before, f.Name, env)
				}
				names[env] = f.Name
			}
		}
	})
	require.Equal(t, "database-url", names["METAGATE_DATABASE_URL"])
	require.Equal(t, "api-key", names["METAGATE_API_KEY"], "the commands' own")
	require.Equal(t, "metagate-version", names["METAGATE_METAGATE_VERSION"])
	require.NotContains(t, names, "METAGATE_METAGATE_URL")
}

// aFileOf: exec names the file of the key that other commands take.
func aFileOf(file, flag string) bool { return file == flag+"-file" }

func TestTheVariablesOfTheMigrationGuideAreRead(t *testing.T) {
	t.Parallel()
	k, err := kong.New(&cli{}, kong.Name("metagate"), app.Environment())
	require.NoError(t, err)
	names := regexp.MustCompile(`(?m)^ +(METAGATE_[A-Z_]+): `).FindAllStringSubmatch(read(t, "docs/migrating-from-python.md"), -1)
	require.Greater(t, len(names), 8)
	for _, m := range names {
		require.Empty(t, app.Unread(k.Model, []string{m[1] + "=x"}))
	}
}

func TestTheVariablesOfAComponentAreDocumentedAndNoneThatTheServerMisses(t *testing.T) {
	t.Parallel()
	k, err := kong.New(&cli{}, kong.Name("metagate"), app.Environment())
	require.NoError(t, err)
	variables := regexp.MustCompile(`"(METAGATE_[A-Z_]+)"`).FindAllStringSubmatch(read(t, "component/env.go"), -1)
	require.Greater(t, len(variables), 8)
	for _, m := range variables {
		require.Contains(t, read(t, "docs/component.md"), "`"+m[1]+"`")
		require.Empty(t, app.Unread(k.Model, []string{m[1] + "=x"}))
	}
}

func TestTheDemosEnvironmentStartsTheServerItMeans(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "admin")
	require.NoError(t, os.WriteFile(secret, []byte(adminKey+"\n"), 0o600))
	const tenant = "00000000-0000-0000-0000-000000000000"
	env := []string{
		"METAGATE_DATABASE_URL=sqlite:demo.db", "METAGATE_DEBUG=true", "METAGATE_JWT_SECRET=dev-secret", "METAGATE_DEFAULT_TENANT_KEY=" + tenant,
		`METAGATE_ADMIN_PRINCIPAL_TYPES=["admin"]`, "METAGATE_INSTANCE_ID=metagate-7", "METAGATE_ADMIN_API_KEY_FILE=" + secret,
		"METAGATE_JWT_SECRT=hunter2", "METAGATE_PORT=tcp://10.43.0.7:8000", "METAGATE_ENDPOINT=http://metagate:8000", "METAGATE_EXIT_CODE=1",
	}
	p := serve(t, env)
	require.FileExists(t, filepath.Join(p.cmd.Dir, "demo.db"))
	require.NoFileExists(t, filepath.Join(p.cmd.Dir, "metagate.db"))
	health, err := p.client(t, "mgk_x").GetHealthWithResponse(t.Context())
	require.NoError(t, err)
	require.Equal(t, "metagate-7", health.JSON200.InstanceID)
	who, err := p.client(t, strings.TrimSpace(done(t, env, "token", "admin"))).ListPrincipalsWithResponse(t.Context(), nil)
	require.NoError(t, err)
	require.NotNil(t, who.JSON200, string(who.Body))
	require.Equal(t, tenant, (*who.JSON200)[0].TenantKey)
	said := strings.Join(p.passed, "\n")
	require.Contains(t, said, `settings that nobody reads: METAGATE_JWT_SECRT (did you mean METAGATE_JWT_SECRET?)"`)
	require.Contains(t, said, "accepted under DEBUG alone: JWT_SECRET is 10 bytes long")
	require.NotContains(t, said, "hunter2")
	require.NotContains(t, said, "dev-secret")
}
