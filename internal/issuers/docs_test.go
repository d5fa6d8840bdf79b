package issuers

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/test/idp"
)

// documented is the YAML of docs/identity.md that is a whole file, by its first name.
func documented(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/identity.md")
	require.NoError(t, err)
	out := map[string]string{}
	for _, m := range regexp.MustCompile("(?ms)^```yaml\n(issuers:\n  - name: (\\S+)\n.*?)^```$").FindAllStringSubmatch(string(page), -1) {
		out[m[2]] = m[1]
	}
	require.Len(t, out, 4)
	return out
}

func TestTheDocumentedFilesAreRead(t *testing.T) {
	t.Parallel()
	i := idp.New("ES256")
	i.Use = "jwt-svid"
	bundle := write(t, "bundle.json", string(i.KeySet()))
	for name, text := range documented(t) {
		s := newSet(t, strings.ReplaceAll(text, "/run/spiffe/bundle.json", bundle), nil)
		require.Contains(t, s.Names(), name)
		require.Empty(t, s.Overlaps())
	}
	// All of them in one, as an operator would have them.
	var all strings.Builder
	all.WriteString("issuers:\n")
	for _, text := range documented(t) {
		all.WriteString(strings.TrimPrefix(strings.ReplaceAll(text, "/run/spiffe/bundle.json", bundle), "issuers:\n"))
	}
	require.Len(t, newSet(t, all.String(), nil).Names(), 5)
}

// What the documented rules let in, and keep out, with the keys in files.
func TestTheDocumentedRulesDoWhatThePageSays(t *testing.T) {
	t.Parallel()
	files := documented(t)
	for _, c := range []struct {
		name    string
		iss     string
		claims  map[string]any
		subject string
		bad     []map[string]any
	}{
		{
			"prod-cluster", "https://kubernetes.default.svc.cluster.local",
			map[string]any{"sub": "system:serviceaccount:mesh:indexer", "kubernetes.io": map[string]any{"namespace": "mesh"}},
			"prod-cluster:system:serviceaccount:mesh:indexer",
			[]map[string]any{{"kubernetes.io": nil}, {"kubernetes.io": map[string]any{"namespace": "default"}}, {"aud": "https://kubernetes.default.svc.cluster.local"}},
		},
		{
			"github", "https://token.actions.githubusercontent.com",
			map[string]any{"aud": "metagate.example", "repository_id": "74", "repository_owner_id": "65", "ref": "refs/heads/main", "environment": "prod"},
			"github:74:prod",
			[]map[string]any{{"repository_id": "76"}, {"repository_owner_id": "66"}, {"ref": "refs/pull/1/merge"}, {"environment": nil}, {"aud": "https://github.com/octo"}},
		},
		{
			"sso", "https://dex.example.com",
			map[string]any{"email": "ann@example.com", "email_verified": true, "groups": []string{"dev", "sre"}},
			"sso:ann@example.com",
			[]map[string]any{{"email_verified": false}, {"groups": []string{"dev"}}, {"groups": nil}, {"email": nil}},
		},
	} {
		i := idp.New("RS256")
		text := files[c.name]
		text = regexp.MustCompile(`(?m)^    (jwks_uri|ca_file|token_file):.*\n`).ReplaceAllString(text, "")
		text = strings.Replace(text, "    audience:", "    jwks_file: "+write(t, "keys.json", string(i.KeySet()))+"\n    audience:", 1)
		s := newSet(t, text, nil)
		claims := idp.With(good(map[string]any{"iss": c.iss}), c.claims)
		require.Equal(t, c.subject, accepted(t, s, i.Token(claims)).AuthSubject)
		for _, change := range c.bad {
			refused(t, s, i.Token(idp.With(claims, change)), errs.Unauthenticated, "issuer "+c.name)
		}
	}
}
