package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnUnknownCheckIsRefusedByTheNamesOfThoseThatAreThere(t *testing.T) {
	t.Parallel()
	err := run(t.Context(), t.Output(), []string{"go", "cobol"}, false)
	require.EqualError(t, err, `there is no check "cobol": go, python, typescript, javascript, java, rust, shell or schemathesis`)
}

func TestEveryCheckIsChosenByItsLanguageAndSchemathesisByNameAlone(t *testing.T) {
	t.Parallel()
	all, err := choose(nil)
	require.NoError(t, err)
	require.Len(t, all, len(checks)-1)
	for _, c := range checks {
		chosen, err := choose([]string{strings.TrimPrefix(c.name, "start ")})
		require.NoError(t, err)
		require.Contains(t, namesOf(chosen), c.name)
		require.FileExists(t, filepath.Join("../../..", c.dir, "check.sh"))
	}
}

func namesOf(of []check) (names []string) {
	for _, c := range of {
		names = append(names, c.name)
	}
	return names
}

func TestAMissingToolIsToldInALineAndFailsWhereItHasToBeThere(t *testing.T) {
	t.Parallel()
	for _, missing := range []tool{{"no-such-program", nil, "install it"}, {"sh", []string{"-c", "exit 1"}, "install a newer one"}} {
		todo := []check{{name: "lisp", dir: "/nonexistent", tools: []tool{{"sh", nil, "no"}, missing}}}
		for _, strict := range []bool{false, true} {
			var said strings.Builder
			err := runAll(t.Context(), &said, todo, strict)
			require.Equal(t, "lisp                     skipped: "+missing.install+"\n", said.String())
			require.Equal(t, strict, err != nil)
		}
	}
}

func TestWhatAScriptSaidLastIsPartOfItsFailure(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.WriteFile("check.sh", []byte("echo $1 of $METAGATE_URL; echo sorry >&2; exit 3\n"), 0o600))
	err := check{dir: ".", args: []string{"some"}}.script(t.Context(), "log", "METAGATE_URL=http://there")
	require.EqualError(t, err, "exit status 3; the end of bin/clients/log.log:\nsome of http://there\nsorry")
}
