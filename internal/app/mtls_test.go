package app_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/component"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/pki"
)

const svid = "spiffe://example.org/ns/mesh/sa/indexer"

// subjected is a component's world whose principal has this auth_subject.
func subjected(t *testing.T, admin wire, suffix, subject string) wireWorld {
	t.Helper()
	w := newWireWorld(t, admin, suffix)
	got := admin.send(t, "PATCH", "/v1/admin/principals/"+w.principal, fmt.Sprintf(`{"auth_subject":%q}`, subject))
	require.Equal(t, 200, got.Status, got.Body)
	return w
}

func fingerprint(t *testing.T, p pki.Pair) string {
	t.Helper()
	sum := sha256.Sum256(p.TLS(t).Leaf.Raw)
	return hex.EncodeToString(sum[:])
}

func TestACertificateOfNobodyOpensNothing(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := wire{s.reach(t, a, true), apptest.AdminKey}
		w := subjected(t, admin, "1", svid)
		nobody := wire{s.reach(t, a, true, s.domain.SVID(t, "spiffe://example.org/other")), ""}
		require.Contains(t, nobody.knock(t).refused(t, 403, "FORBIDDEN").Detail, "spiffe://example.org/other", "its owner sees which subject is missing")
		wire{s.reach(t, a, true), ""}.knock(t).anonymous(t)
		wire{s.reach(t, a, true, s.domain.SVID(t, svid+strings.Repeat("x", 256))), ""}.knock(t).anonymous(t) // no auth_subject is as long

		own := wire{s.reach(t, a, true, s.domain.SVID(t, svid)), ""}
		own.knock(t).opened(t)
		own.send(t, "GET", "/v1/admin/profiles", "").refused(t, 403, "FORBIDDEN")
		require.Equal(t, 200, admin.send(t, "PATCH", "/v1/admin/principals/"+w.principal, `{"status":"disabled"}`).Status)
		own.knock(t).refused(t, 403, "FORBIDDEN")
		own.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`).refused(t, 403, "FORBIDDEN")

		// Another's signature ends the handshake, whatever the certificate says.
		forged := pki.NewCA(t, "example.org").SVID(t, svid)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL+"/health", http.NoBody)
		require.NoError(t, err)
		resp, err := s.reach(t, a, true, forged).HTTP(t).Do(r)
		if err == nil { // or the client, told whom the server believes, doesn't show it
			_ = resp.Body.Close()
			wire{s.reach(t, a, true, forged), ""}.knock(t).anonymous(t)
		}
	}, s.believing(t))
}

func TestAComponentStartsByItsCertificateAndItsReceiptSaysByWhich(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := wire{s.reach(t, a, true), apptest.AdminKey}
		require.Equal(t, []any{"api_key", "jwt", "mtls"}, wire{App: admin.App}.authMethods(t))
		named := pkix.Name{CommonName: "indexer", Organization: []string{"Example"}}
		for i, c := range []struct {
			pair    pki.Pair
			subject string
		}{
			{s.domain.SVID(t, svid), svid},
			{s.clients.Client(t, named), "CN=indexer,O=Example"},
		} {
			subjected(t, admin, fmt.Sprint(i), c.subject)
			for _, http2 := range []bool{true, false} {
				own := wire{s.reach(t, a, http2, c.pair), ""}
				for range 2 { // read, then remembered
					got := own.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`)
					require.Equal(t, 200, got.Status, got.Body)
					id := got.Header.Get("Metagate-Startup-Id")
					require.Equal(t, 200, own.send(t, "POST", "/v1/startup/ready", fmt.Sprintf(`{"startup_id":%q,"build_version":"1"}`, id)).Status)
					receipt := own.send(t, "GET", "/v1/startup/"+id, "")
					require.Equal(t, map[string]any{"subject": c.subject, "certificate_sha256": fingerprint(t, c.pair)}, receipt.member(t, "credential"))
					require.Equal(t, "READY", receipt.member(t, "status"))
				}
				call := own.send(t, "POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"metagate.bootstrap","arguments":{"component_key":"c"}}}`)
				require.Equal(t, 200, call.Status)
				require.Contains(t, call.Body, `"packet_etag"`)
			}
			renewed := s.domain.SVID(t, svid) // the next certificate of the same subject is told apart
			if c.subject != svid {
				renewed = s.clients.Client(t, named)
			}
			got := wire{s.reach(t, a, true, renewed), ""}.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`)
			require.Equal(t, 200, got.Status, got.Body)
			list, _ := adminList[model.StartupSession](t, admin.App, "startups?limit=1")
			require.Contains(t, string(list[0].Credential.MustGet()), fingerprint(t, renewed))
		}
	}, s.believing(t))
}

func TestAnAdminWritesByItsCertificateAndTheAuditLogSaysSo(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		keyed := wire{s.reach(t, a, true), apptest.AdminKey}
		keyed.create(t, "/v1/admin/principals", `{"principal_key":"ops","auth_subject":"CN=ops","principal_type":"admin"}`)
		pair := s.clients.Client(t, pkix.Name{CommonName: "ops"})
		ops := wire{s.reach(t, a, true, pair), ""}
		ops.create(t, "/v1/admin/profiles", `{"profile_key":"mine"}`)
		list, _ := adminList[model.AuditEntry](t, keyed.App, "audit-log?limit=1")
		require.Equal(t, []any{"ops", model.AuthMethodMtls}, []any{list[0].Actor, list[0].AuthMethod})
		require.JSONEq(t, fmt.Sprintf(`{"subject":"CN=ops","certificate_sha256":%q}`, fingerprint(t, pair)), string(list[0].Credential.MustGet()))

		// A page of another site, in the browser of somebody who has the certificate.
		for _, header := range [][]string{
			{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "null"},
		} {
			ops.send(t, "POST", "/v1/admin/profiles", `{"profile_key":"theirs"}`, append(header, "Content-Type", "")...).anonymous(t)
			require.Contains(t, ops.send(t, "POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"metagate.admin_profiles","arguments":{"action":"create","profile_key":"theirs"}}}`,
				header...).Body, `"code"`)
		}
		require.Equal(t, 201, ops.send(t, "POST", "/v1/admin/profiles", `{"profile_key":"same"}`, "Origin", a.URL, "Sec-Fetch-Site", "same-origin").Status)
		require.Empty(t, rowsOf(t, keyed.send(t, "GET", "/v1/admin/profiles?profile_key=theirs", "")))
	}, s.believing(t))
}

func TestWhatARequestSaysGoesBeforeWhatItsConnectionIs(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := wire{s.reach(t, a, true), apptest.AdminKey}
		subjected(t, admin, "1", svid)
		shown := s.reach(t, a, true, s.domain.SVID(t, svid))
		wire{shown, apptest.AdminKey}.create(t, "/v1/admin/profiles", `{"profile_key":"theirs"}`)
		list, _ := adminList[model.AuditEntry](t, admin.App, "audit-log?limit=1")
		require.Equal(t, model.AuthMethodAPIKey, list[0].AuthMethod)
		other := newWireWorld(t, admin, "2")
		got := wire{shown, other.component.credential}.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`)
		require.Equal(t, "p2", got.member(t, "principal_key"))
		// As with a token and a key: what doesn't open the door leaves it to the next.
		wire{shown, identity.KeyPrefix + "wrong"}.knock(t).opened(t)
	}, s.believing(t))
}

func TestACertificateThatExpiresOnAKeptConnectionOpensNothingMore(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		subjected(t, wire{s.reach(t, a, true), apptest.AdminKey}, "1", svid)
		var own wire
		var last wired
		ask := func(want int) bool {
			last = own.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`)
			return last.Status == want
		}
		until(t, func() bool { // on a slow machine one may expire before it is shown
			own = wire{s.reach(t, a, true, s.domain.SVID(t, svid, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(3 * time.Second) })), ""}
			return ask(200)
		})
		until(t, func() bool { return ask(401) })
		last.anonymous(t)
	}, s.believing(t))
}

func TestThePackageForComponentsStartsByItsCertificateAlone(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		subjected(t, wire{s.reach(t, a, true), apptest.AdminKey}, "1", svid)
		own := s.domain.SVID(t, svid).TLS(t)
		cfg := component.Config{Addresses: []string{a.URL}, Component: "c", SkipSecretCheck: true}
		for _, client := range []*http.Client{nil, {}, {Transport: &http.Transport{}}, {Transport: &http.Transport{TLSClientConfig: &tls.Config{}}}} {
			cfg.HTTPClient = client
			_, err := component.Start(t.Context(), cfg)
			require.ErrorContains(t, err, "no API key")
		}
		cfg.HTTPClient = &http.Client{Transport: &http.Transport{
			ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pki.Pool(s.server), Certificates: []tls.Certificate{own}},
		}}
		started, err := component.Start(t.Context(), cfg)
		require.NoError(t, err)
		require.NoError(t, started.Ready(t.Context()))
		cfg.HTTPClient = s.reach(t, a, true).HTTP(t) // whose transport nobody can look into, and which has none
		_, err = component.Start(t.Context(), cfg)
		refusedBy(t, err, 401, component.CodeUnauthenticated)
	}, s.believing(t))
}
