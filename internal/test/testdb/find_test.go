package testdb

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNothingFoundIsOneClearLine(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	broken := t.TempDir()
	writeScript(t, filepath.Join(broken, "apt-get"), `echo "E: Unable to locate package" >&2; exit 100`)
	writeScript(t, filepath.Join(broken, "docker"), `echo; echo "no such image" >&2; [ "$1" = info ]`)
	place := filepath.Join(empty, "*/bin")
	for name, test := range map[string]struct {
		finder finder
		says   []string
	}{
		"nothing there": {
			finder{path: empty, places: []string{place}},
			[]string{"no initdb and postgres in PATH, " + place, "no apt-get in PATH", "no docker in PATH", "set TEST_DATABASE_URL to postgres://"},
		},
		"not root": {
			finder{path: broken},
			[]string{"apt-get needs root", "docker pull postgres:16 failed: no such image"},
		},
		"apt-get fails": {
			finder{path: broken, root: true, conf: filepath.Join(t.TempDir(), "conf")},
			[]string{"apt-get install postgresql failed: E: Unable to locate package"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Start(t.Context(), io.Discard, func(o *options) { o.finder = test.finder })
			for _, says := range test.says {
				require.ErrorContains(t, err, says)
			}
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestPathComesBeforeTheHighestVersion(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	f := finder{places: []string{filepath.Join(root, "lib/*/bin"), filepath.Join(root, "pg@*/bin")}}
	require.Empty(t, f.binaries())
	for _, dir := range []string{"lib/9.6/bin", "lib/15/bin", "lib/16/bin", "pg@9/bin"} {
		writeScript(t, filepath.Join(root, dir, "initdb"), "")
		writeScript(t, filepath.Join(root, dir, "postgres"), "")
	}
	writeScript(t, filepath.Join(root, "lib/17/bin/initdb"), "") // a client package
	require.Equal(t, filepath.Join(root, "lib/16/bin"), f.binaries())
	f.path = filepath.Join(root, "lib/17/bin") + ":" + filepath.Join(root, "lib/15/bin")
	require.Equal(t, filepath.Join(root, "lib/15/bin"), f.binaries())
}

func TestInstallKeepsDebianFromMakingACluster(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bin, conf := filepath.Join(dir, "lib/15/bin"), filepath.Join(dir, "createcluster.d/ours.conf")
	writeScript(t, filepath.Join(dir, "apt-get"), `
case "$*" in
*update) exit 100 ;; # one repository of many doesn't answer
*install*) grep -qx "create_main_cluster = false" '`+conf+`' && [ "$DEBIAN_FRONTEND" = noninteractive ] || exit 1
esac
mkdir -p '`+bin+`' && cd '`+bin+`' && echo '#!/bin/sh' | tee initdb > postgres && chmod +x initdb postgres`)
	f := finder{path: dir + ":/usr/bin:/bin", root: true, conf: conf, places: []string{filepath.Join(dir, "lib/*/bin")}}
	var w bytes.Buffer
	p, err := f.find(t.Context(), &w)
	require.NoError(t, err)
	require.Equal(t, programs{bin: bin}, p)
	require.Equal(t, "testdb: installing PostgreSQL with apt-get\n", w.String())
	require.NoFileExists(t, conf, "later packages are the user's business")
}

func writeScript(t *testing.T, file, body string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte("#!/bin/sh\n"+body+"\n"), 0o755))
}
