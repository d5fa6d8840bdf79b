package issuers

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/test/idp"
)

// nobody accepts no token.
type nobody struct{}

func (nobody) Verify(string) (identity.Claims, error) {
	return identity.Claims{}, identity.Unauthenticated(errors.New("nobody"))
}
func (nobody) Generation() uint64 { return 0 }
func (nobody) Enabled() bool      { return false }

// within answers requests in this process, so that time may be synctest's.
type within struct{ http.Handler }

func (w within) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return rec.Result(), nil
}

func write(t *testing.T, file, text string) string {
	t.Helper()
	if !filepath.IsAbs(file) {
		file = filepath.Join(t.TempDir(), file)
	}
	require.NoError(t, os.WriteFile(file+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(file+".new", file))
	return file
}

// newSet reads a file of this text; what is fetched comes from handler.
func newSet(t *testing.T, text string, handler http.Handler) *Set {
	t.Helper()
	c := Config{File: write(t, "issuers.yaml", text), Fallback: nobody{}}
	if handler != nil {
		c.transport = within{handler}
	}
	s, err := New(c)
	require.NoError(t, err)
	return s
}

// good are claims that are right for an hour.
func good(change map[string]any) map[string]any {
	return idp.With(map[string]any{
		"iss": "https://idp.example", "sub": "indexer", "aud": "metagate", "exp": time.Now().Add(time.Hour).Unix(),
	}, change)
}

func accepted(t *testing.T, s *Set, token string) identity.Claims {
	t.Helper()
	claims, err := s.Verify(token)
	require.NoError(t, err)
	return claims
}

// refused demands an answer with that code, and a cause that says why.
func refused(t *testing.T, s *Set, token string, code errs.Code, why string) {
	t.Helper()
	claims, err := s.Verify(token)
	require.Zero(t, claims)
	e, ok := errors.AsType[*errs.Error](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, code, e.Code, "%v", err)
	require.ErrorContains(t, e, why)
	require.NotContains(t, e.Error(), "\n")
}

// replaceFile puts a file with the issuer's keys where FILE stands.
func replaceFile(t *testing.T, members string, i *idp.Issuer) string {
	t.Helper()
	return strings.ReplaceAll(members, "FILE", write(t, "keys.json", string(i.KeySet())))
}
