package cli

import (
	"cmp"
	"os"
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

func TestTheDocumentedSettingsAreTheHelpOfServe(t *testing.T) {
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
	require.Contains(t, read(t, "docs/configuration.md"), "\n\n"+want.String()+"\n")
}

func TestEveryOtherVariableOfTheCommandLineIsDocumented(t *testing.T) {
	t.Parallel()
	text := read(t, "docs/cli.md") + read(t, "docs/configuration.md")
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

func TestTheDocumentedCommandsAreThoseOfTheMakefileAndTheCommandLine(t *testing.T) {
	t.Parallel()
	makefile := read(t, "Makefile")
	for name, text := range pages(t) {
		for _, m := range regexp.MustCompile("(?m)(?:^|`)make ([a-z-]+)").FindAllStringSubmatch(text, -1) {
			require.Contains(t, makefile, "\n"+m[1]+":", "make %s of %s", m[1], name)
		}
	}
	commands := read(t, "docs/cli.md")
	for _, n := range modelOf(t).Children {
		require.Equal(t, !n.Hidden, strings.Contains(commands, "\n| `"+n.Name), n.Name)
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

func TestEveryErrorCodeAndEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	table := read(t, "docs/api.md")
	codes := regexp.MustCompile(`(?m) Code = "(\w+)" +// (\d+)`).FindAllStringSubmatch(read(t, "internal/errs/errs.go"), -1)
	require.Greater(t, len(codes), 10)
	for _, m := range codes {
		require.Regexp(t, "(?m)^\\| "+m[2]+" \\|.*`"+m[1]+"`", table)
	}
	p := serve(t, []string{"DATABASE_URL=" + testdb.SQLite(t)})
	k := done(t, []string{"DATABASE_URL=sqlite:" + p.cmd.Dir + "/unused.db"}, "admin-key")
	bootstrap(t, p, strings.TrimSpace(k)) // a counter shows once it has counted
	r, err := p.client(t, "mgk_x").GetMetricsWithResponse(t.Context())
	require.NoError(t, err)
	metrics := regexp.MustCompile(`(?m)^# TYPE (metagate_\w+) `).FindAllStringSubmatch(string(r.Body), -1)
	require.Greater(t, len(metrics), 5)
	for _, m := range metrics {
		require.Contains(t, read(t, "docs/operations.md"), "`"+m[1]+"`")
	}
}

func TestItIsDocumentedWhatAComponentDoesAboutEachAnswer(t *testing.T) {
	t.Parallel()
	text := read(t, "docs/component.md")
	_, operations, _ := strings.Cut(read(t, "openapi.yaml"), "\n  /v1/bootstrap:\n")
	operations, _, found := strings.Cut(operations, "\n  /v1/startup/{startup_id}:\n")
	require.True(t, found)
	statuses := regexp.MustCompile(`(?m)^        '(\d{3})':`).FindAllStringSubmatch(operations, -1)
	require.Greater(t, len(statuses), 20)
	for _, m := range statuses {
		require.Regexp(t, `(?m)^\|[^|]*\b`+m[1]+`\b[^|]*\|[^|]*\|[^|]*\|$`, text)
	}
}
