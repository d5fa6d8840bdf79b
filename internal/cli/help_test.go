package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

func TestHelpListsEveryCommand(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"-h"}, {}} {
		var out, log bytes.Buffer
		require.Zero(t, run(t.Context(), args, "dev", &out, &log), args)
		require.Empty(t, log.String())
		for _, command := range []string{"serve", "dev", "seed", "token", "admin-key", "migrate up", "migrate down", "migrate status", "version"} {
			require.Contains(t, out.String(), "\n  "+command+" ", args)
		}
	}
}

func TestEveryFlagHasAnEnvironmentVariableAndTheHelpSaysBoth(t *testing.T) {
	t.Parallel()
	flags := 0
	walk(modelOf(t).Node, func(n *kong.Node) {
		if !n.Leaf() {
			return
		}
		args := strings.Fields(pathOf(n) + " --help")[1:]
		var out, log bytes.Buffer
		require.Zero(t, run(t.Context(), args, "dev", &out, &log), args)
		require.Empty(t, log.String(), args)
		for _, f := range n.Flags {
			require.Len(t, f.Envs, 1, "%s --%s", n.FullPath(), f.Name)
			require.Contains(t, strings.ReplaceAll(out.String(), "[no-]", ""), "--"+f.Name, args)
			require.Contains(t, out.String(), "($"+f.Envs[0]+")", args)
			require.NotEmpty(t, f.Help, "%s --%s", n.FullPath(), f.Name)
			flags++
		}
	})
	require.Greater(t, flags, 30)
}

func TestAVariableMeansTheSameInEveryCommand(t *testing.T) {
	t.Parallel()
	names := map[string]string{}
	walk(modelOf(t).Node, func(n *kong.Node) {
		for _, f := range n.Flags {
			for _, env := range f.Envs {
				if before, ok := names[env]; ok {
					require.Equal(t, before, f.Name, env)
				}
				names[env] = f.Name
			}
		}
	})
	require.Contains(t, names, "DATABASE_URL")
}
