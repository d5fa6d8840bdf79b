package cli

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/testdb"
)

func port(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Port()
}

func TestHealthcheckExits1UnlessTheServerAnswersThatItIsAlive(t *testing.T) {
	t.Parallel()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	t.Cleanup(broken.Close)
	for name, port := range map[string]string{"nobody listens": closedPort(t), "somebody else": port(t, broken.URL)} {
		r := metagate(t, []string{"PORT=" + port}, "healthcheck")
		require.Equal(t, 1, r.code, name)
		require.Contains(t, oneLine(t, r.log), port, name)
	}
}

func TestHealthcheckExits0WhileTheServerIsAlive(t *testing.T) {
	t.Parallel()
	p := serve(t, []string{"DATABASE_URL=" + testdb.SQLite(t)})
	r := metagate(t, []string{"PORT=" + port(t, p.url)}, "healthcheck")
	require.Equal(t, result{}, r)
	require.Zero(t, metagate(t, nil, "healthcheck", "--port="+port(t, p.url)).code)
}
