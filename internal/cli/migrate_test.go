package cli

import (
	"bufio"
	"strings"
	"testing"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestMigrateGoesUpTellsWhereItIsAndGoesDown(t *testing.T) {
	t.Parallel()
	testdb.Each(t, nil, func(t *testing.T, url string) {
		env := []string{"DATABASE_URL=" + url}
		status := done(t, env, "migrate", "status")
		names := strings.Fields(strings.ReplaceAll(status, "pending", ""))
		require.NotEmpty(t, names)
		require.Equal(t, len(names), strings.Count(status, "pending"), status)
		require.Equal(t, "nothing to do\n", done(t, env, "migrate", "down"))

		require.Equal(t, "applied "+strings.Join(names, "\napplied ")+"\n", done(t, env, "migrate", "up"))
		require.Equal(t, "nothing to do\n", done(t, env, "migrate", "up"))
		status = done(t, env, "migrate", "status")
		require.NotContains(t, status, "pending")
		require.Regexp(t, `(?m)^20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ +`+names[0]+`$`, status)

		newest := names[len(names)-1]
		require.Equal(t, "took back "+newest+"\n", done(t, env, "migrate", "down"))
		require.Regexp(t, `(?m)^pending +`+newest+`$`, done(t, env, "migrate", "status"))
		require.Equal(t, "applied "+newest+"\n", done(t, env, "migrate", "up"))
	})
}

func TestAServerThatMustNotMigrateStartsOnceMigrateUpHasRun(t *testing.T) {
	t.Parallel()
	testdb.Each(t, nil, func(t *testing.T, url string) {
		env := []string{"DATABASE_URL=" + url, "AUTO_MIGRATE=false", "HOST=127.0.0.1", "PORT=0"}
		r := metagate(t, env, "serve")
		require.Equal(t, 1, r.code)
		require.Contains(t, oneLine(t, withoutRecords(r.log)), "metagate migrate up")
		done(t, env, "migrate", "up")
		p := serve(t, env)
		ready, err := p.client(t, "mgk_x").GetReadyWithResponse(t.Context())
		require.NoError(t, err)
		require.Equal(t, 200, ready.StatusCode(), string(ready.Body))
	})
}

func TestMigrateSaysThatItWaitsForAnotherProcess(t *testing.T) {
	t.Parallel()
	url := testdb.SQLite(t)
	held := flock.New(strings.TrimPrefix(url, "sqlite:") + ".migrate.lock")
	require.NoError(t, held.Lock())
	cmd := command(t, []string{"DATABASE_URL=" + url}, "migrate", "up")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	said, err := bufio.NewReader(stderr).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, said, "another process migrates this database: waiting for it")
	require.Contains(t, said, held.Path())
	require.NoError(t, held.Unlock())
	require.NoError(t, cmd.Wait())
}
