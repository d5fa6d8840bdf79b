package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// somethingElse is a web server, but no MetaGate: it answers everything with 200.
func somethingElse(t *testing.T, contentType string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, "<html>Please sign in</html>")
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestA200OfAnotherServerIsAnErrorThatSaysWhatToDoAndPrintsNothing(t *testing.T) {
	t.Parallel()
	world := file(t, "profiles: []\n")
	for _, args := range [][]string{
		{"apply", "-f", world},
		{"apply", "-f", world, "-o", "json"},
		{"startups"},
		{"startups", "-o", "json"},
		{"export"},
		{"export", "-o", "json"},
		{"explain", "indexer", "indexer_01"},
		{"explain", "0192d6b0-6f3a-7c12-8e7f-0a1b2c3d4e5f", "indexer_01"},
	} {
		for _, contentType := range []string{"text/html; charset=utf-8", ""} {
			url := somethingElse(t, contentType)
			var out, log bytes.Buffer
			code := run(t.Context(), append(args, "--server="+url, "--api-key=mgk_x"), "dev", &out, &log)
			require.Equal(t, exitRefused, code, args)
			require.Empty(t, out.String(), args)
			require.Contains(t, oneLine(t, log.String()), "METAGATE_URL", args)
			require.Contains(t, log.String(), "curl "+url+"/", args)
		}
	}
}
