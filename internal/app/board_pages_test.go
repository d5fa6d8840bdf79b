package app_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestTheBoardShowsWhoIsUpAndWhoIsNot(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		_, started := onBoard(t, a)
		b := signedIn(t, a, apptest.AdminKey)
		page := b.shows("/board/")
		for _, want := range []string{
			`<a href="/board/startups/` + started["memorygate"].String() + `">memorygate</a>`, `<td role="cell" data-th="Build">1.4.2</td>`,
			`data-state="FAILED">FAILED</span>`, `data-deadline="`, `<span tabindex="0">cognigate</span>`, "1–9 of 9", `data-packet="current"`,
		} {
			require.Contains(t, page, want)
		}
		require.Less(t, strings.Index(page, ">depotgate</a>"), strings.Index(page, ">memorygate</a>"), "what is worst comes first")
		for query, want := range map[string][]string{
			"?state=READY": {"memorygate"}, "?state=FAILED": {"depotgate"}, "?state=OPEN": {"worker_1"}, "?q=1.4.2": {"memorygate"}, "?q=WORKER": {"worker_1"},
			"?packet=current": {"depotgate", "worker_1", "memorygate"}, "?packet=outdated": nil, "?q=nobody": nil, "?state=NONSENSE": nil, "?tenant=default&state=READY": {"memorygate"},
		} {
			page := b.shows("/board/" + query)
			require.Equal(t, len(want), strings.Count(page, `href="/board/startups/`), query)
			for _, component := range want {
				require.Contains(t, page, ">"+component+"</a>", query)
			}
		}
		require.Equal(t, http.StatusForbidden, b.get("/board/?tenant=other").Status)
	})
}

func TestAnAdminSeesOnTheBoardItsOwnTenantAlone(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		_, started := onBoard(t, a)
		keys := otherTenantsAdmin(t, a)
		b := signedIn(t, a, keys)
		for _, path := range []string{"/board/", "/board/outcomes", "/board/changes"} {
			require.NotContains(t, b.shows(path), "legivellum-mesh", path)
			require.NotContains(t, b.shows(path), "depotgate", path)
			p := b.get(path + "?tenant=default")
			require.Equal(t, http.StatusForbidden, p.Status, path)
		}
		id := started["depotgate"].String()
		require.Equal(t, http.StatusNotFound, b.get("/board/startups/"+id).Status)
		require.Equal(t, http.StatusNotFound, b.post("/board/startups/"+id+"/acknowledge", url.Values{"reason": {"x"}}).Status)
		require.Equal(t, http.StatusForbidden, b.paste("tenant_key: default\n").Status)
	})
}

// otherTenantsAdmin makes an admin of tenant other, and gives its key.
func otherTenantsAdmin(t *testing.T, a *apptest.App) string {
	t.Helper()
	url := a.Config.DatabaseURL
	other := apptest.Start(t, url, func(c *app.Config) { c.AdminAllowCrossTenant = true })
	admin := other.AdminClient(t)
	p := apptest.Got(admin.CreatePrincipalWithResponse(t.Context(), nil, model.PrincipalCreate{TenantKey: "other", PrincipalKey: "boss", AuthSubject: "boss@other", PrincipalType: "admin"})).Is(t, 201)
	return apptest.Got(admin.CreateAPIKeyWithResponse(t.Context(), nil, model.APIKeyCreate{PrincipalID: p.JSON201.ID.String(), Name: "boss"})).Is(t, 201).JSON201.APIKey
}

// inQuotes are attributes' values, which html/template never lets a quote into.
var inQuotes = regexp.MustCompile(`"[^"]*"`)

func TestWhatComponentsSayIsNeverMarkup(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		mesh, _ := onBoard(t, a)
		b := signedIn(t, a, apptest.AdminKey)
		c := a.Client(t, mesh.APIKeys["asyncgate"])
		evil := []string{
			`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `javascript:alert(1)`, `</td></tr></table><form action=//evil.example>`,
			`{{.}}`, `<!--`, `&lt;b&gt;`, "\u202eevil", `' onfocus='alert(1)`, `]]></svg><svg onload=alert(1)>`,
		}
		for i, text := range evil {
			request := model.BootstrapRequest{ComponentKey: "asyncgate", InstanceID: text, Host: text, Labels: model.Labels(fmt.Sprintf(`{"x":%q}`, text))}
			packet := apptest.Got(c.BootstrapWithResponse(t.Context(), nil, request)).Is(t, 200).JSON200
			id := packet.Startup.StartupID
			if i%2 == 0 {
				apptest.Got(c.ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: id, BuildVersion: text})).Is(t, 200)
			} else {
				apptest.Got(c.ReportFailedWithResponse(t.Context(), model.FailedReport{StartupID: id, Error: text})).Is(t, 200)
			}
			for _, page := range []string{b.shows("/board/?q=" + url.QueryEscape(text)), b.shows("/board/startups/" + id.String())} {
				if html.EscapeString(text) != text {
					require.NotContains(t, page, text)
				}
				for _, tag := range []string{"<script>", "<img src=x", "<form action=//", "<svg onload", `href="javascript`, "<!--"} {
					require.NotContains(t, page, tag)
				}
				require.NotRegexp(t, `<[^>]*\son\w+=`, inQuotes.ReplaceAllString(page, `""`))
			}
		}
		require.Contains(t, b.shows("/board/"), html.EscapeString(`<script>alert(1)</script>`))
	})
}

func TestTheBoardShowsOneStartupWithItsPacketThenAndNow(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		mesh, started := onBoard(t, a)
		b := signedIn(t, a, apptest.AdminKey)
		failed := b.shows("/board/startups/" + started["depotgate"].String())
		for _, want := range []string{"<strong>FAILED</strong>", "port 8000 is taken", `data-packet="current"`, "from manifest legivellum-mesh", "The revision that it was answered from"} {
			require.Contains(t, failed, want)
		}
		require.NotContains(t, failed, "Acknowledge")
		require.NotContains(t, failed, "differs")

		m := apptest.Got(a.AdminClient(t).GetManifestWithResponse(t.Context(), mesh.Manifests["legivellum-mesh"].String())).Is(t, 200).JSON200
		services := strings.Replace(string(m.Services), "http://memorygate:8001/mcp", "http://memorygate:9001/mcp", 1)
		apptest.Got(a.AdminClient(t).UpdateManifestWithBodyWithResponse(t.Context(), m.ID.String(), &model.UpdateManifestParams{MetagateReason: new("the new <memory>")}, "application/merge-patch+json",
			strings.NewReader(`{"services":`+services+`}`))).Is(t, 200)
		outdated := b.shows("/board/startups/" + started["depotgate"].String())
		for _, want := range []string{`data-packet="outdated"`, "services <strong>differs</strong>", "<del>&#34;http://memorygate:8001/mcp&#34;</del>", "<ins>&#34;http://memorygate:9001/mcp&#34;</ins>", "Since then", "the new &lt;memory&gt;"} {
			require.Contains(t, outdated, want)
		}
		require.Contains(t, b.shows("/board/?packet=outdated"), ">depotgate</a>")
		require.Contains(t, b.shows("/board/?packet=outdated"), "in services, legivellum-mesh@1")

		// Whom did that touch, and are they up again?
		changes := b.shows("/board/changes")
		require.Contains(t, changes, "the new &lt;memory&gt;")
		require.Contains(t, changes, "0 of 8 ready since")
		c := a.Client(t, mesh.APIKeys["memorygate"])
		again := apptest.Got(c.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "memorygate"})).Is(t, 200).JSON200
		apptest.Got(c.ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: again.Startup.StartupID, BuildVersion: "1.4.3"})).Is(t, 200)
		require.Contains(t, b.shows("/board/changes"), "1 of 8 ready since")
		_, after, _ := strings.Cut(changes, `rowheader"><a href="`)
		link, _, _ := strings.Cut(after, `"`)
		one := b.shows("/board/changes" + html.UnescapeString(link))
		require.Contains(t, one, "/services/memorygate/endpoint")
		require.Contains(t, one, "Whose packets change: 8")

		// And how did it start before, and since?
		outcomes := b.shows("/board/outcomes")
		for _, want := range []string{"legivellum-mesh@2 beside @1", `data-verdict="insufficient"`, "<svg", `class="version"`, "legivellum-mesh@1"} {
			require.Contains(t, outcomes, want)
		}
	})
}

func TestAnOverdueStartupIsAcknowledgedOnTheBoard(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		mesh := apptest.ReadWorld(t, "../../examples/legivellum-mesh.yaml")
		for i := range mesh.Profiles {
			mesh.Profiles[i].StartupSLASeconds = 1
		}
		created := mesh.Create(t, a)
		c := a.Client(t, created.APIKeys["delegate"])
		id := apptest.Got(c.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "delegate"})).Is(t, 200).JSON200.Startup.StartupID
		b := signedIn(t, a, apptest.AdminKey)
		open := b.post("/board/startups/"+id.String()+"/acknowledge", url.Values{"reason": {"too early"}})
		if strings.Contains(open.Text, "not overdue") { // unless this machine has slept over it
			require.Equal(t, http.StatusOK, open.Status)
		}
		require.Eventually(t, func() bool { return strings.Contains(b.shows("/board/?state=OVERDUE"), id.String()+"#acknowledge") }, time.Minute, 50*time.Millisecond)
		path := "/board/startups/" + id.String()
		require.Contains(t, b.shows(path), `<form method="post" action="`+path+`/acknowledge">`)
		require.Contains(t, b.post(path+"/acknowledge", url.Values{"reason": {""}}).Text, `role="alert"`)
		p := b.post(path+"/acknowledge", url.Values{"reason": {"decommissioned <b>"}})
		require.Equal(t, http.StatusSeeOther, p.Status)
		require.Equal(t, path, p.Get("Location"))
		page := b.shows(path)
		require.Contains(t, page, "by admin: decommissioned &lt;b&gt;")
		require.Contains(t, page, `data-state="ACKNOWLEDGED"`)
		require.NotContains(t, b.shows("/board/?state=OVERDUE"), id.String())
		entries := apptest.Got(a.AdminClient(t).ListAuditLogWithResponse(t.Context(), &model.ListAuditLogParams{ResourceID: &id})).Is(t, 200).JSON200
		require.Len(t, *entries, 1)
		require.Equal(t, "decommissioned <b>", (*entries)[0].Reason.MustGet())
	})
}

func TestABlastRadiusChangesNothingAndTellsWhereAWorldIsWrong(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		onBoard(t, a)
		b := signedIn(t, a, apptest.AdminKey)
		bad := b.paste("tenant_key: default\nprofiles:\n  - profile_key: gate\n    startup_sla_seconds: -1\n  - profile_key: ledger\n    capabilities: {<jobs>: true, jobs: []}\n")
		require.Equal(t, http.StatusOK, bad.Status)
		for _, want := range []string{">4:", "startup_sla_seconds: -1", "/profiles/0/startup_sla_seconds", ">6:", "&lt;jobs&gt;"} {
			require.Contains(t, bad.Text, want)
		}
		require.Contains(t, b.paste("tenant_key: [\n").Text, `role="alert"`)
		require.Contains(t, b.paste("").Text, `role="alert"`)

		world := string(apptest.Got(a.AdminClient(t).ExportWorldWithResponse(t.Context(), nil)).Is(t, 200).Body)
		good := b.paste(strings.Replace(world, "http://memorygate:8001/mcp", "http://memorygate:9001/mcp", 1))
		for _, want := range []string{"0 to create, 1 to update, 0 to delete", "Whose packets change: 8", "/services/memorygate/endpoint", "9001"} {
			require.Contains(t, good.Text, want)
		}
		require.Contains(t, b.paste("tenant_key: default\n", "prune", "yes").Text, "to delete")
		require.NotContains(t, string(apptest.Got(a.AdminClient(t).ExportWorldWithResponse(t.Context(), nil)).Is(t, 200).Body), "9001")
		require.Equal(t, http.StatusRequestEntityTooLarge, b.paste("tenant_key: default\n# "+strings.Repeat("x", 9<<20)).Status)
	})
}

func TestTheRowsOfTheBoardArePaged(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		mesh, _ := onBoard(t, a)
		c := a.Client(t, mesh.APIKeys["asyncgate"])
		for range 205 {
			instance := uuid.NewString()
			apptest.Got(c.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "asyncgate", InstanceID: instance})).Is(t, 200)
		}
		b := signedIn(t, a, apptest.AdminKey)
		first := b.shows("/board/?q=asyncgate")
		require.Contains(t, first, "1–200 of ")
		require.Contains(t, first, `<a href="?from=200&amp;q=asyncgate" rel="next">`)
		rest := b.shows("/board/?q=asyncgate&from=200")
		require.Contains(t, rest, "201–")
		require.Contains(t, rest, `rel="prev"`)
		require.NotContains(t, rest, `rel="next"`)
		require.Contains(t, b.shows("/board/?from=99999999"), "201–")
		require.Contains(t, b.shows("/board/?from=-3"), "1–200")
	})
}
