//go:build kubernetes

package issuers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// requestToken asks for a token of a service account, as kubelet does for a projected
// volume; an empty audience is the API server's own, an empty pod binds it to none.
func (c *cluster) requestToken(t *testing.T, namespace, account, audience, pod string) string {
	t.Helper()
	spec := map[string]any{"expirationSeconds": 600}
	if audience != "" {
		spec["audiences"] = []string{audience}
	}
	if pod != "" {
		spec["boundObjectRef"] = map[string]any{"kind": "Pod", "apiVersion": "v1", "name": pod}
	}
	var answer struct {
		Status struct {
			Token string `json:"token"`
		} `json:"status"`
	}
	c.create(t, "/api/v1/namespaces/"+namespace+"/serviceaccounts/"+account+"/token",
		map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}, &answer)
	require.NotEmpty(t, answer.Status.Token)
	return answer.Status.Token
}

// settle makes a namespace with a service account and a pod of it.
func (c *cluster) settle(t *testing.T, namespace, account, pod string) {
	t.Helper()
	meta := func(name string) map[string]any { return map[string]any{"name": name} }
	c.create(t, "/api/v1/namespaces", map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": meta(namespace)}, nil)
	c.create(t, "/api/v1/namespaces/"+namespace+"/serviceaccounts", map[string]any{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(account)}, nil)
	c.create(t, "/api/v1/namespaces/"+namespace+"/pods", map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": meta(pod), "spec": map[string]any{
		"serviceAccountName": account, "containers": []any{map[string]any{"name": "c", "image": "i"}},
	}}, nil)
}

// create posts an object and wants it to be made.
func (c *cluster) create(t *testing.T, path string, object, into any) {
	t.Helper()
	body, err := json.Marshal(object)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+path, bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+adminToken)
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	var answer json.RawMessage
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.Equal(t, http.StatusCreated, resp.StatusCode, string(answer))
	if into != nil {
		require.NoError(t, json.Unmarshal(answer, into))
	}
}

// Nothing here is shaped like Kubernetes: it is.
func TestTokensOfARealCluster(t *testing.T) {
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		c := newCluster(t)
		c.start(t)
		c.settle(t, "metagate", "metagate", "metagate-0")
		c.settle(t, "mesh", "indexer", "indexer-0")
		c.settle(t, "stray", "indexer", "indexer-0")
		dir := t.TempDir()
		write := func(name, text string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		}
		write("token", c.requestToken(t, "metagate", "metagate", "", "metagate-0")) // as a pod of MetaGate's has it
		write("ca.crt", string(c.ca))
		file := func(keys string) string {
			write("issuers.yaml", fmt.Sprintf(`
issuers:
  - name: prod-cluster
    issuer: %s
    audience: metagate
    %s
    ca_file: ca.crt
    token_file: token
    required_claims:
      /kubernetes.io/namespace: [mesh, edge]
      /kubernetes.io/pod/name: {present: true}
`, clusterIssuer, keys))
			return filepath.Join(dir, "issuers.yaml")
		}
		a := apptest.Start(t, url, func(k *app.Config) { k.IssuersFile = file("jwks_uri: " + c.url + "/openid/v1/jwks") })
		add(t, a, "prod-cluster:system:serviceaccount:mesh:indexer")
		good := c.requestToken(t, "mesh", "indexer", "metagate", "indexer-0")
		becomes(t, a, good, 200)
		for what, token := range map[string]string{
			"for the API server":  c.requestToken(t, "mesh", "indexer", "", "indexer-0"),
			"for another service": c.requestToken(t, "mesh", "indexer", "vault", "indexer-0"),
			"bound to no pod":     c.requestToken(t, "mesh", "indexer", "metagate", ""),
			"of another space":    c.requestToken(t, "stray", "indexer", "metagate", "indexer-0"),
			"not signed":          good[:strings.LastIndexByte(good, '.')] + ".AAAA",
		} {
			require.Equal(t, 401, status(t, a, token), what)
		}

		// Discovery where the cluster has it, though its issuer is a name that only pods resolve.
		discovered := apptest.Start(t, url, func(k *app.Config) {
			k.IssuersFile = file("discovery: " + c.url + "/.well-known/openid-configuration")
		})
		becomes(t, discovered, good, 200)

		// The API server is down, and comes back with another key: the old one still verifies.
		c.stop(t)
		require.Equal(t, 200, status(t, a, good))
		c.rotate(t)
		require.Equal(t, 200, status(t, a, good))
		c.start(t)
		renewed := c.requestToken(t, "mesh", "indexer", "metagate", "indexer-0")
		becomes(t, a, renewed, 200)
		require.Equal(t, 200, status(t, a, good))
	})
}

// The API server shows its keys to nobody unknown.
func TestWithoutATokenARealClustersKeysAreOutOfReach(t *testing.T) {
	c := newCluster(t)
	c.start(t)
	c.settle(t, "mesh", "indexer", "indexer-0")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.crt"), c.ca, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "issuers.yaml"), []byte("issuers: [{name: k, issuer: '"+clusterIssuer+"', audience: metagate, ca_file: ca.crt, jwks_uri: '"+c.url+"/openid/v1/jwks'}]"), 0o600))
	a := apptest.Start(t, testdb.SQLite(t), func(k *app.Config) { k.IssuersFile = filepath.Join(dir, "issuers.yaml") })
	for range 3 {
		require.Equal(t, 503, status(t, a, c.requestToken(t, "mesh", "indexer", "metagate", "indexer-0")))
	}
}
