package cli

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/testdb"
)

// flagsOf are the flags of a command.
func flagsOf(t *testing.T, command string) []*kong.Flag {
	t.Helper()
	for _, n := range modelOf(t).Children {
		if n.Name == command {
			return n.Flags
		}
	}
	require.Fail(t, "no command "+command)
	return nil
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../" + name)
	require.NoError(t, err)
	return string(b)
}

// composeDatabase is the one default that docker compose has for itself.
const composeDatabase = "postgresql+asyncpg://metagate:metagate@db:5432/metagate"

func TestTheReadmesConfigurationTableIsTheHelpOfServe(t *testing.T) {
	t.Parallel()
	var want strings.Builder
	want.WriteString("| Variable | Default | Meaning |\n|---|---|---|\n")
	for _, f := range flagsOf(t, "serve") {
		value := "(none)"
		if f.Default != "" {
			value = "`" + f.Default + "`"
		}
		want.WriteString("| `" + f.Envs[0] + "` | " + value + " | " + f.Help + " |\n")
	}
	require.Contains(t, read(t, "README.md"), "\n\n"+want.String()+"\n")
}

func TestTheReadmeNamesEveryOtherVariableOfTheCommandLine(t *testing.T) {
	t.Parallel()
	text := read(t, "README.md")
	walk(modelOf(t).Node, func(n *kong.Node) {
		for _, f := range n.Flags {
			for _, env := range f.Envs {
				require.Contains(t, text, "`"+env+"`", n.FullPath())
			}
		}
	})
}

func TestTheExampleEnvironmentListsEverySettingWithItsDefault(t *testing.T) {
	t.Parallel()
	listed := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^#([A-Z_]+)=(.*)$`).FindAllStringSubmatch(read(t, ".env.example"), -1) {
		require.NotContains(t, listed, m[1])
		listed[m[1]] = m[2]
	}
	want := map[string]string{}
	for _, f := range flagsOf(t, "serve") {
		want[f.Envs[0]] = f.Default
	}
	want["DATABASE_URL"] = composeDatabase
	require.Equal(t, want, listed)
}

func TestDockerComposePassesEverySettingOn(t *testing.T) {
	t.Parallel()
	text := read(t, "docker-compose.yml")
	for _, f := range flagsOf(t, "serve") {
		env := f.Envs[0]
		if env == "HOST" || env == "PORT" { // the image's own: compose publishes 8000
			continue
		}
		m := regexp.MustCompile(`(?m)^      ` + env + `:( \$\{` + env + `:-(.*)\})?$`).FindStringSubmatch(text)
		require.NotNil(t, m, env)
		if m[1] != "" {
			want := cmp.Or(map[string]string{"DATABASE_URL": composeDatabase}[env], f.Default)
			require.Equal(t, want, m[2], env)
		}
	}
}

// readmeBash is what the README has in bash: all of it works when pasted in
// order, after the exports that dev prints. What is not to be run there is sh.
func readmeBash(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, m := range regexp.MustCompile("(?ms)^```bash\n(.*?)^```$").FindAllStringSubmatch(read(t, "README.md"), -1) {
		all.WriteString(m[1])
	}
	return all.String()
}

func TestTheReadmesLinesWorkWhenPasted(t *testing.T) {
	t.Parallel()
	_, printed := dev(t, filepath.Join(t.TempDir(), "dev.db"))
	exports, lines, _ := strings.Cut(toPaste(t, printed), "\n\n")
	require.Contains(t, readmeBash(t), strings.TrimSpace(lines)+"\n", "the lines that dev prints")

	out := strings.Join(paste(t, exports+"\n"+readmeBash(t)), "\n")
	require.Contains(t, out, `"status":"READY"`)
	require.Contains(t, out, `"component_key":"indexer_01"`)
	require.Contains(t, out, `"max_memory_mb":8192`, "the override")
	require.Contains(t, out, `"ref_name":"/run/secrets/memorygate_jwt"`, "the secret reference")
	require.Contains(t, out, "HTTP/1.1 304 Not Modified")
}

func TestTheReadmesCommandsAreThoseOfTheMakefileAndTheCommandLine(t *testing.T) {
	t.Parallel()
	readme, makefile := read(t, "README.md"), read(t, "Makefile")
	for _, m := range regexp.MustCompile("(?m)(?:^|`)make ([a-z-]+)").FindAllStringSubmatch(readme+read(t, "CONTRIBUTING.md"), -1) {
		require.Contains(t, makefile, "\n"+m[1]+":", "make "+m[1])
	}
	for _, n := range modelOf(t).Children {
		require.Equal(t, !n.Hidden, strings.Contains(readme, "\n| `"+n.Name), n.Name)
	}
}

func TestContributingSaysWhyEachDependencyIsThere(t *testing.T) {
	t.Parallel()
	text, modules := read(t, "CONTRIBUTING.md"), regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(read(t, "go.mod"), -1)
	require.Greater(t, len(modules), 10)
	for _, m := range modules {
		require.Contains(t, text, "`"+m[1]+"`")
	}
}

func TestTheReadmeListsEveryErrorCodeAndEveryMetric(t *testing.T) {
	t.Parallel()
	readme := read(t, "README.md")
	codes := regexp.MustCompile(`(?m) Code = "(\w+)" +// (\d+)`).FindAllStringSubmatch(read(t, "internal/errs/errs.go"), -1)
	require.Greater(t, len(codes), 10)
	for _, m := range codes {
		require.Regexp(t, "(?m)^\\| "+m[2]+" \\|.*`"+m[1]+"`", readme)
	}
	p := serve(t, []string{"DATABASE_URL=" + testdb.SQLite(t)})
	k := done(t, []string{"DATABASE_URL=sqlite:" + p.cmd.Dir + "/unused.db"}, "admin-key")
	bootstrap(t, p, strings.TrimSpace(k)) // a counter shows once it has counted
	r, err := p.client(t, "mgk_x").GetMetricsWithResponse(t.Context())
	require.NoError(t, err)
	metrics := regexp.MustCompile(`(?m)^# TYPE (metagate_\w+) `).FindAllStringSubmatch(string(r.Body), -1)
	require.Greater(t, len(metrics), 5)
	for _, m := range metrics {
		require.Contains(t, readme, "`"+m[1]+"`")
	}
}
