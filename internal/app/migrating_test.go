package app_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// migrating is the one block of that language in docs/migrating-from-python.md.
func migrating(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/migrating-from-python.md")
	require.NoError(t, err)
	m := regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	require.Len(t, m, 1, language)
	return m[0][1]
}

func TestTheGuidesComposeFileStartsWhatItSays(t *testing.T) {
	t.Parallel()
	var file struct {
		Services map[string]struct{ Environment map[string]string }
		Configs  map[string]struct{ Content string }
	}
	text, err := doc.YAMLToJSON([]byte(migrating(t, "yaml")), 1<<20)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &file))
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.try(t, asYAML, file.Configs["world"].Content).Is(t, 200)
		unchanged(t, *w.try(t, asYAML, file.Configs["world"].Content, prune).Is(t, 200).JSON200)
		require.Equal(t, "asyncgate", w.wire.opens(t, chosen))
		require.Equal(t, "00000000-0000-0000-0000-000000000000", onlyTenant(t, w.wire, "/v1/admin/principals"))
	}, func(c *app.Config) {
		env := file.Services["metagate"].Environment
		c.DefaultTenantKey = env["METAGATE_DEFAULT_TENANT_KEY"]
		for name := range env { // each is read by its name in internal/cli
			require.True(t, strings.HasPrefix(name, "METAGATE_"), name)
		}
	})
}
