package storetest

import (
	"database/sql"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"
)

// Behind executes statements behind the back of whoever else uses the database,
// on one connection: what another program, an operator or a fault would do.
func Behind(tb testing.TB, url string, statements ...string) {
	tb.Helper()
	driver, dsn := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, dsn = "sqlite", path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, dsn)
	require.NoError(tb, err)
	defer db.Close()
	conn, err := db.Conn(tb.Context())
	require.NoError(tb, err)
	defer conn.Close()
	for _, s := range statements {
		_, err = conn.ExecContext(tb.Context(), s)
		require.NoError(tb, err)
	}
}
