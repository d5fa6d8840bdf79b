package app_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// listed is what f makes of 0 to n-1, with commas between.
func listed(n int, f func(i int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = f(i)
	}
	return strings.Join(all, ",")
}

func TestHoweverMuchIsWrongTheRefusalAndItsLogLineAreSmall(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := wire{a, apptest.AdminKey}
		before := w.census(t)
		profiles := func(items string) string { return `{"profiles":[` + items + "]}" }
		for what, c := range map[string]struct{ path, doc, first, code string }{
			"a million items of a wrong type": {"apply", profiles(strings.Repeat("1,", 999_999) + "1"), "/profiles/0", "INVALID_REQUEST"},
			"90,000 unknown members":          {"profiles", `{"profile_key":"x",` + listed(90_000, func(i int) string { return fmt.Sprintf(`"m%05d":1`, i) }) + "}", "/m00000", "INVALID_REQUEST"},
			"items wrong each in its own way": {"apply", profiles(listed(300_000, func(i int) string { return fmt.Sprintf(`{"u%d":%d}`, i, i) })), "/profiles/0/u0", "INVALID_REQUEST"},
			"keys that are none":              {"apply", profiles(listed(100_000, func(i int) string { return fmt.Sprintf(`{"profile_key":" %d"}`, i) })), "/profiles/0/profile_key", "INVALID_REQUEST"},
			"one key 300,000 times":           {"apply", profiles(listed(300_000, func(int) string { return `{"profile_key":"x"}` })), "/profiles/1", "INVALID_REQUEST"},
			"references to nothing":           {"apply", `{"bindings":[` + listed(50_000, func(i int) string { return fmt.Sprintf(`{"principal":"p%d","profile":"x","manifest":"y"}`, i) }) + "]}", "/bindings/0/principal", "INVALID_REFERENCE"},
			"half a million forbidden keys":   {"apply", profiles(`{"profile_key":"p","policy":{"a":[` + listed(500_000, func(int) string { return `{"jobs":1}` }) + "]}}"), "/profiles/0/policy/a/0/jobs", "FORBIDDEN_KEYS"},
			"a forbidden key in every item":   {"apply", profiles(listed(50_000, func(i int) string { return fmt.Sprintf(`{"profile_key":"p%d","policy":{"jobs":1}}`, i) })), "/profiles/0/policy/jobs", "FORBIDDEN_KEYS"},
			"unknown sections":                {"apply", `{"bindings":[{"principal":"p","profile":"x","manifest":"y","overrides":{` + listed(90_000, func(i int) string { return fmt.Sprintf(`"o%05d":1`, i) }) + "}}]}", "/bindings/0/overrides/o00000", "INVALID_REQUEST"},
			"names of 100 KB":                 {"apply", profiles(listed(75, func(int) string { return fmt.Sprintf(`{%q:1}`, strings.Repeat("n", 100_000)) })), "/profiles/0", "INVALID_REQUEST"},
			"more values than a document has": {"apply", profiles(strings.Repeat("1,", 2_000_000) + "1"), "", "INVALID_REQUEST"},
		} {
			got := w.send(t, http.MethodPost, "/v1/admin/"+c.path, c.doc)
			p := got.refused(t, 400, c.code)
			require.Less(t, len(got.Body), 128<<10, what)
			require.LessOrEqual(t, len(p.Errors), errs.MaxPlaces, what)
			if c.first == "" {
				require.Contains(t, p.Detail, "1048576 values", what)
				continue
			}
			require.Contains(t, pointersOf(p), c.first, what)
			require.Contains(t, p.Errors[len(p.Errors)-1].Detail, "may be more", what)
		}
		require.Equal(t, before, w.census(t))
		require.NoError(t, a.Close())
		for line := range strings.Lines(a.Log.String()) {
			require.Less(t, len(line), 4<<10)
		}
	})
}

func TestInALargeWorldTheOneThingThatIsWrongIsFound(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := wire{a, apptest.AdminKey}
		for more, pointer := range map[string]string{
			`{"profile_key":"x","policy":[]}`: "/profiles/20000/policy", `{"profile_key":"a b"}`: "/profiles/20000/profile_key", `{}`: "/profiles/20000/profile_key",
			`{"profile_key":"x","Policy":{}}`: "/profiles/20000/Policy",
			`{"profile_key":"x","startup_sla_seconds":0,"policy":{"a":[` + strings.Repeat("1,", 20_000) + "1]}}": "/profiles/20000/startup_sla_seconds",
		} {
			p := w.send(t, http.MethodPost, "/v1/admin/apply", `{"profiles":[`+listed(20_000, func(i int) string { return fmt.Sprintf(`{"profile_key":"p%d"}`, i) })+","+more+"]}").refused(t, 400, "INVALID_REQUEST")
			require.Contains(t, pointersOf(p), pointer)
			require.LessOrEqual(t, len(p.Errors), 2, "the schema's word, and perhaps the rule's")
		}
	})
}

func TestAComponentSendsAtMost64KiBHoweverMuchAnAdminMay(t *testing.T) {
	t.Parallel()
	for setting, c := range map[string]struct {
		edit  func(*app.Config)
		limit int
		says  string
	}{
		"the default":     {func(*app.Config) {}, 64 << 10, "65536"},
		"a smaller limit": {func(c *app.Config) { c.MaxBodyBytes = 2048 }, 2048, "MAX_BODY_BYTES"},
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			apptest.Each(t, func(t *testing.T, a *apptest.App) {
				w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
				for name, op := range w.operations(1) {
					if op.credential != w.component.credential {
						continue
					}
					full := op.good + strings.Repeat(" ", c.limit-len(op.good))
					for _, body := range []io.Reader{strings.NewReader(full + " "), chunked{strings.NewReader(full + " ")}} {
						p := op.do(t, op.method, op.path, body).refused(t, 413, "PAYLOAD_TOO_LARGE")
						require.Contains(t, p.Detail, c.says, name)
					}
					require.NotEqual(t, 413, op.send(t, op.method, op.path, full).Status, name)
					require.Equal(t, 401, wire{App: a}.send(t, op.method, op.path, full+" ").Status, name)
				}
			}, c.edit)
		})
	}
}

// chunked hides the length of a body.
type chunked struct{ io.Reader }

func TestNullMeansAbsentForWhatAComponentMayLeaveOut(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		for _, bad := range []string{`{"component_key":null}`, `{"component_key":null,"principal_key":null}`} {
			p := w.component.send(t, http.MethodPost, "/v1/bootstrap", bad).refused(t, 400, "INVALID_REQUEST")
			require.Equal(t, []string{"/component_key"}, pointersOf(p))
		}
		id := w.component.send(t, http.MethodPost, "/v1/bootstrap", `{"component_key":"c","principal_key":null,"last_packet_etag":null,"newer":null}`).Header.Get("Metagate-Startup-Id")
		for path, body := range map[string]string{"ready": `{"startup_id":%q,"build_version":"1","health":null}`, "failed": `{"startup_id":%q,"error":"null","details":null}`} {
			got := w.component.send(t, http.MethodPost, "/v1/startup/"+path, fmt.Sprintf(body, id))
			require.Contains(t, []int{200, 409}, got.Status, got.Body) // whichever comes first
		}
		row := w.admin.send(t, http.MethodGet, "/v1/startup/"+id, "")
		require.Nil(t, row.member(t, "health"))
		require.Nil(t, row.member(t, "details"))
	})
}

func TestNoAnswerIsEscapedForHTML(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		for _, endpoint := range []string{`"http://s/?a=1&b=<2>"`, `"http://s/?a=1\u0026b=\u003c2\u003E"`} {
			patch := fmt.Sprintf(`{"services":{"s":{"endpoint":%s}}}`, endpoint)
			require.Equal(t, 200, w.admin.send(t, http.MethodPatch, "/v1/admin/manifests/"+w.manifest, patch).Status)
			for what, got := range map[string]wired{
				"packet":  w.component.send(t, http.MethodPost, "/v1/bootstrap", `{"component_key":"c"}`),
				"row":     w.admin.send(t, http.MethodGet, "/v1/admin/manifests/"+w.manifest, ""),
				"export":  w.admin.send(t, http.MethodGet, "/v1/admin/export", "", "Accept", asJSON),
				"yaml":    w.admin.send(t, http.MethodGet, "/v1/admin/export", "", "Accept", asYAML),
				"explain": w.admin.send(t, http.MethodGet, "/v1/admin/principals/"+w.principal+"/packet?component_key=c", ""),
				"audit":   w.admin.send(t, http.MethodGet, "/v1/admin/audit-log", ""),
			} {
				require.Equal(t, 200, got.Status, what)
				require.Contains(t, got.Body, `http://s/?a=1&b=<2>`, what)
				require.NotContains(t, got.Body, `\u00`, what)
			}
		}
		for _, refusing := range []wired{
			w.component.send(t, http.MethodPost, "/v1/startup/ready", `{"startup_id":"<&>"}`), w.admin.send(t, http.MethodPost, "/v1/admin/profiles", `{"<a&b>":1}`),
		} {
			require.NotContains(t, refusing.Body, `\u00`)
		}
		p := w.admin.send(t, http.MethodPost, "/v1/admin/profiles", `{"profile_key":"x","<a&b>":1}`).refused(t, 400, "INVALID_REQUEST")
		require.Contains(t, p.Errors[0].Pointer, "/<a&b>")
	})
}
