package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/storetest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestAURLThatCantBeIsRefusedInOneLineWithoutThePassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "metagate.db", "mysql://u:hunter2@h/d", "file:hunter2", "sqlite", "sqlite:", "sqlite::memory:",
		"postgres:hunter2", "postgres://u:hunter2@h:port/d", "postgres://u:hunter2@h:99999/d", "postgres://u:hunter2@[::1/d",
		// What should have been percent-encoded.
		"postgres://u:hunter2%zz@h/d", "postgres://u:hunter2/x@h/d", "postgres://u:hun:ter2/@h/d",
		"postgres://u:x@hunter2@h:port/d", "postgres://u:hunter2 x@h/d\nhunter2",
		"postgres://h/d?password=hunter2&sslmode=bogus", "postgres://u:hunter2@h/d?sslmode=bogus",
		"postgres://u:hunter2@h/d?pool_max_conns=many",
		"postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert=/nowhere/root.pem",
		"postgresql+asyncpg://u:hunter2@h:port/d",
	} {
		_, err := store.Open(t.Context(), url)
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "\n", url)
		require.NotContains(t, err.Error(), "hunter", url)
		require.NotContains(t, err.Error(), "ter2", url)
		require.Less(t, len(err.Error()), 250, url)
	}
}

func TestARefusedConnectionDoesNotTellThePassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"postgres://u:hunter2@127.0.0.1:1/d", "postgres://u:hunter2@localhost:1/d", "postgres://u@127.0.0.1:1/d?password=hunter2",
		"postgres://u:hunter2@127.0.0.1:1,127.0.0.1:2/d",
	} {
		err := open(t, url).Ping(t.Context())
		require.ErrorContains(t, err, "refused")
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestThePythonOriginalsURLsOpenTheSameDatabase(t *testing.T) {
	t.Parallel()
	url := testdb.Postgres(t, storetest.Migrate)
	rest := strings.TrimPrefix(url, "postgres://")
	require.NotEqual(t, url, rest)
	for _, scheme := range []string{"postgres", "postgresql", "postgresql+asyncpg"} {
		require.NoError(t, open(t, scheme+"://"+rest).Ready(t.Context()), scheme)
	}
}

func TestASQLitePathMayHoldAnyCharacter(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain.db", "with space.db", "100%.db", "a?b=c#d.db", "é&.db", "%20.db"} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, storetest.Migrate(t.Context(), "sqlite:"+path))
		require.FileExists(t, path)
		require.NoError(t, open(t, "sqlite://"+path).Ready(t.Context()))
	}
}

func TestASQLiteFileInAMissingDirectoryIsAnError(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "missing", "metagate.db")
	err := open(t, "sqlite:"+path).Ping(t.Context())
	require.Error(t, err)
	require.NotContains(t, err.Error(), "\n")
	require.NoDirExists(t, filepath.Dir(path))
}

func TestAFileThatIsNoDatabaseIsAnErrorAndStaysAsItIs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notes.txt")
	text := []byte(strings.Repeat("dear diary ", 1000))
	require.NoError(t, os.WriteFile(path, text, 0o600))
	s := open(t, "sqlite:"+path)
	require.Error(t, s.Ping(t.Context()))
	_, err := s.Migrate(t.Context())
	require.Error(t, err)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, text, after)
}

func TestAFileThatCantBeOpenedIsNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "nowhere", "metagate.db")
	st, err := store.Open(t.Context(), "sqlite:"+path)
	require.NoError(t, err)
	defer st.Close()
	require.ErrorContains(t, st.Ping(t.Context()), path)
}
