package app_test

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestTextsComeBackAsTheyWereWrittenEverywhere(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		const text = `<b>&c\u2028`
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		profile, startup := "/v1/admin/profiles/"+w.profile, "/v1/startup/"+w.startup
		for what, got := range map[string]wired{
			"a created principal": w.admin.send(t, http.MethodPost, "/v1/admin/principals", `{"principal_key":"p","auth_subject":"<b>&c"}`),
			"a patched profile":   w.admin.send(t, http.MethodPatch, profile, `{"policy":{"<b>&c":"`+text+`"}}`),
			"a profile":           w.admin.send(t, http.MethodGet, profile, ""),
			"a list":              w.admin.send(t, http.MethodGet, "/v1/admin/profiles", ""),
			"a dry run":           w.admin.send(t, http.MethodPost, "/v1/admin/apply?dry_run=true", `{"manifests":[{"manifest_key":"m1","services":{"a":"<b>&c"}}]}`),
			"a refusal":           w.admin.send(t, http.MethodPost, "/v1/admin/profiles", `{"profile_key":"p","<b>&c":1}`),
			"a packet":            w.component.send(t, http.MethodPost, "/v1/bootstrap", `{"component_key":"c","host":"<b>&c"}`),
			"a refused bootstrap": w.component.send(t, http.MethodPost, "/v1/bootstrap", `{"component_key":"c","principal_key":"<b>&c"}`),
			"an explanation":      w.admin.send(t, http.MethodGet, "/v1/admin/principals/"+w.principal+"/packet?component_key=c", ""),
			"startups":            w.admin.send(t, http.MethodGet, "/v1/admin/startups", ""),
			"the audit log":       w.admin.send(t, http.MethodGet, "/v1/admin/audit-log", "", why, "x"),
			"an export":           w.admin.send(t, http.MethodGet, "/v1/admin/export", ""),
			"an export as YAML":   w.admin.send(t, http.MethodGet, "/v1/admin/export", "", "Accept", asYAML),
			"a report":            w.component.send(t, http.MethodPost, "/v1/startup/failed", fmt.Sprintf(`{"startup_id":%q,"error":"<b>&c"}`, w.startup)),
			"a receipt":           w.component.send(t, http.MethodGet, startup, ""),
		} {
			require.NotContains(t, got.Body, `\u0026`, what)
			require.NotContains(t, got.Body, `\u003c`, what)
		}
		for _, path := range []string{profile, "/v1/admin/profiles", "/v1/admin/principals", "/v1/admin/export", "/v1/admin/audit-log", startup, "/v1/admin/startups"} {
			require.Contains(t, w.admin.send(t, http.MethodGet, path, "").Body, `<b>&c`, path)
		}
		require.Contains(t, w.component.send(t, http.MethodPost, "/v1/bootstrap", `{"component_key":"c"}`).Body, `"<b>&c":"<b>&c`)
	})
}

// What openapi.yaml says of times is what the server writes: no zeros at the end.
func TestTheTimesInOpenAPIAreSpelledAsTheServerSpellsThem(t *testing.T) {
	t.Parallel()
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`).FindAllString(string(metagate.OpenAPI), -1)
	require.NotEmpty(t, times)
	for _, text := range times {
		at, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		require.Equal(t, at.Format(time.RFC3339Nano), text)
	}
	require.Contains(t, openAPI(t).Components.Schemas["Timestamp"].Value.Description, "at most microseconds")
}
