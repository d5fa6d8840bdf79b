package issuers_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// provider is a certified OpenID provider, with keys that can be rotated and a switch.
type provider struct {
	*httptest.Server
	keys *rotating
	away atomic.Bool
}

// newProvider starts one over https.
func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{keys: newRotating()}
	p.Server = httptest.NewUnstartedServer(nil)
	p.StartTLS()
	t.Cleanup(p.Close)
	config := &op.Config{CryptoKey: [32]byte{1}, CryptoKeyId: "one", AuthMethodPost: true}
	handler, err := op.NewProvider(config, p.keys, op.StaticIssuer(p.URL), op.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	p.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.away.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		handler.ServeHTTP(w, r)
	})
	return p
}

// token is what a client gets for its secret (RFC 6749, section 4.4).
func (p *provider) token(t *testing.T) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"sid1"}, "client_secret": {"verysecret"}, "scope": {"openid"}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/oauth/token", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var answer struct {
		Token string `json:"access_token"`
	}
	askJSON(t, p.Client(), r, &answer)
	require.Equal(t, 2, strings.Count(answer.Token, "."), "a JWT")
	return answer.Token
}

// file trusts the provider.
func (p *provider) file(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.pem"), ca, 0o600))
	file := filepath.Join(dir, "issuers.yaml")
	require.NoError(t, os.WriteFile(file, []byte("issuers:\n  - {name: sso, issuer: '"+p.URL+"', audience: metagate, ca_file: ca.pem}\n"), 0o600))
	return file
}

// rotating is the provider's storage, with keys that change and clients that get JWTs.
type rotating struct {
	*storage.Storage
	mu   sync.Mutex
	keys []signing // the last one signs
}

func newRotating() *rotating {
	r := &rotating{Storage: storage.NewStorage(storage.NewUserStore("http://localhost/"))}
	r.rotate()
	return r
}

// rotate makes a new key and forgets all others.
func (r *rotating) rotate() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = []signing{{id: uuid.NewString(), key: key}}
}

func (r *rotating) newest() signing {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys[len(r.keys)-1]
}

// SigningKey implements op.Storage.
func (r *rotating) SigningKey(context.Context) (op.SigningKey, error) { return r.newest(), nil }

// KeySet implements op.Storage.
func (r *rotating) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{published{r.newest()}}, nil
}

// ClientCredentials implements op.ClientCredentialsStorage.
func (r *rotating) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	client, err := r.Storage.ClientCredentials(ctx, id, secret)
	return withJWT{client}, err
}

// ClientCredentialsTokenRequest implements op.ClientCredentialsStorage.
func (*rotating) ClientCredentialsTokenRequest(_ context.Context, id string, scopes []string) (op.TokenRequest, error) {
	return &oidc.JWTTokenRequest{Subject: id, Audience: []string{"metagate"}, Scopes: scopes}, nil
}

type withJWT struct{ op.Client }

func (withJWT) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

type signing struct {
	id  string
	key *rsa.PrivateKey
}

func (s signing) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (s signing) Key() any                                    { return s.key }
func (s signing) ID() string                                  { return s.id }

type published struct{ signing }

func (published) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (published) Use() string                        { return "sig" }
func (p published) Key() any                         { return &p.key.PublicKey }
