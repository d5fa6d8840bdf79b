package app_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// A packet, and so its etag, is the same on every replica and engine: a
// database that sorts as a dictionary does must not show.
func TestSecretsAreOrderedByTheirBytesWhateverTheDatabasesLocale(t *testing.T) {
	t.Parallel()
	url := testdb.Postgres(t, apptest.Migrate)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `ALTER TABLE secret_refs ALTER COLUMN secret_key TYPE text COLLATE "en-x-icu"`)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))

	l := newLab(t, apptest.Start(t, url))
	want := []string{"A/b", "B", "_", "a", "a.b", "b"}
	for _, i := range []int{3, 5, 1, 2, 0, 4} {
		apptest.Got(l.admin.CreateSecretRefWithResponse(t.Context(), nil, model.SecretRefCreate{
			SecretKey: want[i], RefKind: model.RefKindEnv, RefName: "NAME",
		})).Is(t, 201)
	}
	var got []string
	for _, e := range l.start(t, "c").RequiredEnv {
		got = append(got, e.SecretKey)
	}
	require.Equal(t, want, got)
}
