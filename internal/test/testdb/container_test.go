package testdb

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// standIn plays a docker client whose container is this machine's PostgreSQL.
// It runs in the foreground and gets the signals, as "docker run" does.
const standIn = `
state='%dir/state' as='%as'
echo "$*" >> '%dir/calls'
case $1 in
info) ;;
image) exit 1 ;;
pull) ;;
run)
	address=${5%:*}
	shift 10
	mkdir "$state" && chmod 777 "$state"
	echo "exec $as %bin/postgres -D $state/data -h 127.0.0.1 -k '' -p ${address#*:} $*" > "$state/run"
	cd "$state" && $as %bin/initdb -D "$state/data" -U postgres -A trust -N && . "$state/run"
	;;
start) cd "$state" && . "$state/run" ;;
rm) rm -rf "$state" ;;
esac`

func TestContainerIsTheLastResort(t *testing.T) {
	t.Parallel()
	bin := systemFinder().binaries()
	require.NotEmpty(t, bin)
	dir := openTempDir(t)
	as := ""
	if os.Geteuid() == 0 {
		as = "setpriv --reuid=postgres --regid=postgres --clear-groups"
	}
	docker := filepath.Join(dir, "docker")
	writeScript(t, docker, strings.NewReplacer("%dir", dir, "%bin", bin, "%as", as).Replace(standIn))

	ctx := t.Context()
	c := start(t, func(o *options) { o.finder = finder{path: dir} })
	require.Contains(t, c.String(), "container of postgres:16")
	require.Equal(t, "off", ask[string](t, c.URL(""), "SHOW fsync"))
	require.NoError(t, c.CreateDatabase(ctx, "d", ""))
	require.NoError(t, c.Kill())
	require.NoError(t, c.Restart(ctx))
	require.Equal(t, "d", ask[string](t, c.URL("d"), "SELECT current_database()"))
	require.NoError(t, c.Stop())
	require.NoDirExists(t, filepath.Join(dir, "state"))
	require.Empty(t, processes(t, filepath.Join(dir, "state")))

	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	require.NoError(t, err)
	name := c.server.container()
	require.Regexp(t, `(?s)^info\nimage inspect postgres:16\npull postgres:16\n`+
		`run --name `+name+` --publish 127\.0\.0\.1:\d+:5432 .* postgres:16 -c max_connections=300 .*\n`+
		`start --attach `+name+`\nrm --force --volumes `+name+`\n$`, string(calls))
}
