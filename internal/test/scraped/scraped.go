// Package scraped has a scrape of a server that does all it can, so that what is packaged
// for Prometheus and Grafana can be held against it.
package scraped

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/idp"
	"github.com/legivellum/metagate/internal/test/ledger"
	"github.com/legivellum/metagate/internal/test/pki"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// soon is when a server has counted what happened, at the latest.
const soon = 30 * time.Second

// counted are samples that come beside the requests, the last ones of a scrape.
var counted = []string{
	`metagate_startup_outcomes_total{manifest="mesh",outcome="failed",version="1"} 1`,
	`metagate_startup_outcomes_total{manifest="mesh",outcome="ready",version="1"} 1`,
	`metagate_startups{state="OVERDUE"} 0`,
	`metagate_sink_pending{sink="pager"} `,
	`metagate_sink_pending{sink="receiptgate"} `,
	`metagate_ready 1`,
}

// Text is what /metrics answers on a server with TLS, an issuer, a ledger and retention, where
// components have come up, failed and been turned away.
func Text(tb testing.TB) string {
	tb.Helper()
	ca, gate, provider := pki.NewCA(tb, "server"), ledger.Start(tb), idp.New("RS256")
	issuer := httptest.NewTLSServer(provider)
	tb.Cleanup(issuer.Close)
	provider.URL = issuer.URL
	pager := httptest.NewServer(http.NotFoundHandler())
	tb.Cleanup(pager.Close)
	a := apptest.Start(tb, testdb.SQLite(tb), func(c *app.Config) {
		c.TLSCertFile, c.TLSKeyFile = ca.Server(tb, "127.0.0.1").Files(tb)
		c.SinksFile = pki.File(tb, fmt.Appendf(nil, "sinks:\n- {name: receiptgate, kind: receiptgate, url: %q, token: %q}\n"+
			"- {name: pager, kind: webhook, allow_private: true, secret: whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=, url: %q}\n", gate.URL, gate.Token, pager.URL))
		c.IssuersFile = pki.File(tb, []byte("issuers:\n- {name: idp, audience: metagate, issuer: "+issuer.URL+", jwks_file: "+pki.File(tb, provider.KeySet())+"}\n"))
	})
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pki.Pool(ca)}, ForceAttemptHTTP2: true}
	tb.Cleanup(transport.CloseIdleConnections)
	a = a.Through(transport)
	starts(tb, a)

	var text string
	require.Eventually(tb, func() bool {
		got := apptest.Got(a.Client(tb, "").GetMetricsWithResponse(tb.Context())).Is(tb, 200)
		text = string(got.Body)
		for _, sample := range counted {
			if !strings.Contains(text, "\n"+sample) {
				return false
			}
		}
		return true
	}, soon, 50*time.Millisecond)
	return text
}

// starts has components start, in all ways that are counted.
func starts(tb testing.TB, a *apptest.App) {
	tb.Helper()
	ctx, admin := tb.Context(), a.AdminClient(tb)
	principal := apptest.Got(admin.CreatePrincipalWithResponse(ctx, nil, model.PrincipalCreate{PrincipalKey: "indexer", AuthSubject: "indexer"})).Is(tb, 201).JSON201
	profile := apptest.Got(admin.CreateProfileWithResponse(ctx, nil, model.ProfileCreate{ProfileKey: "worker"})).Is(tb, 201).JSON201
	manifest := apptest.Got(admin.CreateManifestWithResponse(ctx, nil, model.ManifestCreate{ManifestKey: "mesh"})).Is(tb, 201).JSON201
	apptest.Got(admin.CreateBindingWithResponse(ctx, nil, model.BindingCreate{
		PrincipalID: principal.ID.String(), ProfileID: profile.ID.String(), ManifestID: manifest.ID.String(),
	})).Is(tb, 201)
	key := apptest.Got(admin.CreateAPIKeyWithResponse(ctx, nil, model.APIKeyCreate{PrincipalID: principal.ID.String(), Name: "first"})).Is(tb, 201).JSON201
	component := a.Client(tb, key.APIKey)
	start := func() uuid.UUID {
		return apptest.Got(component.BootstrapWithResponse(ctx, nil, model.BootstrapRequest{ComponentKey: "c"})).Is(tb, 200).JSON200.Startup.StartupID
	}
	apptest.Got(component.ReportReadyWithResponse(ctx, model.ReadyReport{StartupID: start(), BuildVersion: "1.2.3"})).Is(tb, 200)
	apptest.Got(component.ReportFailedWithResponse(ctx, model.FailedReport{StartupID: start(), Error: "no route to host"})).Is(tb, 200)
	apptest.Got(a.Client(tb, "mgk_a-guess").BootstrapWithResponse(ctx, nil, model.BootstrapRequest{ComponentKey: "c"})).Is(tb, 401)
}

var sample = regexp.MustCompile(`(?m)^# TYPE (\w+) (\w+)$`)

// Names are the names that an expression may have: of a histogram those of its series.
func Names(text string) map[string]bool {
	out := map[string]bool{}
	for _, m := range sample.FindAllStringSubmatch(text, -1) {
		if m[2] != "histogram" {
			out[m[1]] = true
			continue
		}
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			out[m[1]+suffix] = true
		}
	}
	return out
}
