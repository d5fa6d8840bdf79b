//go:build kubernetes

package issuers_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	clusterIssuer = "https://kubernetes.default.svc.cluster.local"
	adminToken    = "the-admin-of-the-tests"
)

// cluster is kube-apiserver on etcd, without nodes: no pod of it ever runs.
type cluster struct {
	url    string
	ca     []byte
	client *http.Client

	dir, etcd string
	port      string
	keys      []string // of service accounts, in files; the last one signs
	server    *exec.Cmd
}

// binary is a program that `make test-kubernetes` has built.
func binary(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	require.NotEmpty(t, path, "%s is unset: run make test-kubernetes", variable)
	return path
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{dir: t.TempDir(), port: freePort(t)}
	c.url = "https://127.0.0.1:" + c.port
	c.certify(t)
	c.rotate(t)
	c.write(t, "tokens.csv", []byte(adminToken+",admin,admin,system:masters\n"))
	client, peer := "http://127.0.0.1:"+freePort(t), "http://127.0.0.1:"+freePort(t)
	c.etcd = client
	c.run(t, "etcd.log", binary(t, "ETCD"), "--data-dir", filepath.Join(c.dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	return c
}

// start waits until the API server is ready, with all that it makes at its start.
func (c *cluster) start(t *testing.T) {
	t.Helper()
	args := []string{
		"--etcd-servers", c.etcd, "--bind-address", "127.0.0.1", "--secure-port", c.port,
		"--tls-cert-file", filepath.Join(c.dir, "tls.crt"), "--tls-private-key-file", filepath.Join(c.dir, "tls.key"),
		"--token-auth-file", filepath.Join(c.dir, "tokens.csv"), "--authorization-mode", "RBAC",
		"--service-cluster-ip-range", "10.0.0.0/24", "--disable-admission-plugins", "ServiceAccount",
		"--service-account-issuer", clusterIssuer, "--service-account-jwks-uri", c.url + "/openid/v1/jwks",
		"--service-account-signing-key-file", c.keys[len(c.keys)-1],
	}
	for _, key := range c.keys {
		args = append(args, "--service-account-key-file", key)
	}
	c.server = c.run(t, "apiserver.log", binary(t, "KUBE_APISERVER"), args...)
	require.Eventually(t, func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/readyz", http.NoBody)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+adminToken)
		resp, err := c.client.Do(r)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, 5*time.Minute, 100*time.Millisecond, "see %s", filepath.Join(c.dir, "apiserver.log"))
}

func (c *cluster) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, c.server.Process.Kill())
	_ = c.server.Wait() // killed
	c.client.CloseIdleConnections()
}

// rotate has tokens signed with a new key from the next start on.
func (c *cluster) rotate(t *testing.T) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	c.keys = append(c.keys, c.write(t, "sa"+strconv.Itoa(len(c.keys))+".key", text))
}

// run starts a program, and ends it with the test.
func (c *cluster) run(t *testing.T, log, path string, args ...string) *exec.Cmd {
	t.Helper()
	out, err := os.OpenFile(filepath.Join(c.dir, log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = out.Close()
		if text, err := os.ReadFile(filepath.Join(c.dir, log)); err == nil && t.Failed() {
			t.Logf("%s: %s", log, text[max(0, len(text)-4000):])
		}
	})
	return cmd
}

func (c *cluster) write(t *testing.T, name string, text []byte) string {
	t.Helper()
	file := filepath.Join(c.dir, name)
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

// certify makes the API server's certificate, which is its own authority.
func (c *cluster) certify(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kube-apiserver"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	c.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	c.write(t, "tls.crt", c.ca)
	c.write(t, "tls.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(c.ca))
	c.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
