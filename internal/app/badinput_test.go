package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// bodied is an operation that takes a body, with one that it accepts.
type bodied struct {
	wire
	method, path string
	good         string
	document     string // a member that holds a free-form document, if it has one
}

// operations are all that take a body; n keeps their keys apart.
func (w wireWorld) operations(n int) map[string]bodied {
	post := func(kind, good, document string) bodied {
		return bodied{w.admin, http.MethodPost, "/v1/admin/" + kind, good, document}
	}
	patch := func(kind, id, good, document string) bodied {
		return bodied{w.admin, http.MethodPatch, "/v1/admin/" + kind + "/" + id, good, document}
	}
	refs := fmt.Sprintf(`"principal_id":%q,"profile_id":%q,"manifest_id":%q`, w.principal, w.profile, w.manifest)
	return map[string]bodied{
		"bootstrap":       {w.component, http.MethodPost, "/v1/bootstrap", `{"component_key":"c"}`, ""},
		"reportReady":     {w.component, http.MethodPost, "/v1/startup/ready", fmt.Sprintf(`{"startup_id":%q,"build_version":"1"}`, w.startup), "health"},
		"reportFailed":    {w.component, http.MethodPost, "/v1/startup/failed", fmt.Sprintf(`{"startup_id":%q,"error":"e"}`, w.startup), "details"},
		"createPrincipal": post("principals", fmt.Sprintf(`{"principal_key":"n%d","auth_subject":"n%[1]d"}`, n), ""),
		"createProfile":   post("profiles", fmt.Sprintf(`{"profile_key":"n%d"}`, n), "capabilities"),
		"createManifest":  post("manifests", fmt.Sprintf(`{"manifest_key":"n%d"}`, n), "services"),
		"createBinding":   post("bindings", `{"active":false,`+refs+`}`, "overrides"),
		"createSecretRef": post("secret-refs", fmt.Sprintf(`{"secret_key":"n%d","ref_kind":"file","ref_name":"/run/s"}`, n), "ref_meta"),
		"createAPIKey":    post("api-keys", fmt.Sprintf(`{"principal_id":%q,"name":"n"}`, w.principal), ""),
		"updatePrincipal": patch("principals", w.principal, `{"principal_type":"worker"}`, ""),
		"updateProfile":   patch("profiles", w.profile, `{"startup_sla_seconds":86401}`, "policy"),
		"updateManifest":  patch("manifests", w.manifest, `{"deployment_key":"other"}`, "polling"),
		"updateBinding":   patch("bindings", w.binding, `{"active":true}`, "overrides"),
		"updateSecretRef": patch("secret-refs", w.ref, `{"ref_name":"T"}`, "ref_meta"),
		"updateAPIKey":    patch("api-keys", w.id, `{"name":"m"}`, ""),
	}
}

// with adds a member to a JSON object.
func with(object, name, value string) string {
	return strings.TrimSuffix(object, "}") + `,"` + name + `":` + value + "}"
}

// again repeats the first member.
func again(object string) string {
	first, _, _ := strings.Cut(strings.Trim(object, "{}"), ",")
	return strings.TrimSuffix(object, "}") + "," + first + "}"
}

func nested(depth int) string {
	return strings.Repeat(`{"a":`, depth-1) + "{}" + strings.Repeat("}", depth-1)
}

// notJSON are bodies that no operation takes, each with what the answer says.
var notJSON = map[string]struct {
	body func(good string) string
	says string
}{
	"empty":                              {func(string) string { return "" }, "empty"},
	"of white space":                     {func(string) string { return " \r\n\t" }, "empty"},
	"cut off":                            {func(g string) string { return g[:len(g)-1] }, "ends too early"},
	"with text after it":                 {func(g string) string { return g + "x" }, "after the value"},
	"with a bracket after it":            {func(g string) string { return g + "}" }, "after the value"},
	"with a NUL after it":                {func(g string) string { return g + "\x00" }, "after the value"},
	"two documents":                      {func(g string) string { return g + "\n" + g }, "after the value"},
	"with a byte order mark":             {func(g string) string { return "\ufeff" + g }, "invalid"},
	"in UTF-16":                          {func(g string) string { return strings.Join(strings.Split(g, ""), "\x00") }, "invalid"},
	"with a comment":                     {func(g string) string { return "/**/" + g }, "invalid"},
	"with a trailing comma":              {func(g string) string { return g[:len(g)-1] + ",}" }, "invalid"},
	"with single quotes":                 {func(string) string { return "{'a':1}" }, "invalid"},
	"with NaN":                           {func(g string) string { return with(g, "x", "NaN") }, "invalid"},
	"with a leading zero":                {func(g string) string { return with(g, "x", "01") }, "invalid"},
	"with a raw NUL in a text":           {func(g string) string { return with(g, "x", "\"\x00\"") }, "invalid"},
	"with a raw line break in a text":    {func(g string) string { return with(g, "x", "\"\n\"") }, "invalid"},
	"with U+0000 in a text":              {func(g string) string { return with(g, "x", `"a\u0000"`) }, "U+0000"},
	"with U+0000 in a name":              {func(g string) string { return with(g, `x\u0000`, `1`) }, "U+0000"},
	"with U+0000 deep in a list":         {func(g string) string { return with(g, "x", `[{"a":[["\u0000"]]}]`) }, "U+0000"},
	"with a lone high surrogate":         {func(g string) string { return with(g, "x", `"\ud800"`) }, "invalid"},
	"with a lone low surrogate":          {func(g string) string { return with(g, "x", `"\udc00x"`) }, "invalid"},
	"with surrogates in the wrong order": {func(g string) string { return with(g, "x", `"\udc00\ud800"`) }, "invalid"},
	"with a lone surrogate in a name":    {func(g string) string { return with(g, `\uDBFF`, "1") }, "invalid"},
	"with invalid UTF-8":                 {func(g string) string { return with(g, "x", "\"\xff\"") }, "invalid"},
	"with an overlong NUL":               {func(g string) string { return with(g, "x", "\"\xc0\x80\"") }, "invalid"},
	"with a surrogate in UTF-8":          {func(g string) string { return with(g, "x", "\"\xed\xa0\x80\"") }, "invalid"},
	"with invalid UTF-8 in a name":       {func(g string) string { return with(g, "\xfe", "1") }, "invalid"},
	"with a member twice":                {again, "duplicate"},
	"with a member twice, once escaped":  {func(g string) string { return with(with(g, "x", "1"), `\u0078`, "1") }, "duplicate"},
	"with a member twice, deep in it":    {func(g string) string { return with(g, "x", `[{"a":{"b":1,"b":2}}]`) }, "duplicate"},
	"nested 65 deep":                     {func(g string) string { return with(g, "x", nested(64)) }, "deeper than 64"},
	"of 60000 brackets":                  {func(string) string { return strings.Repeat("[", 60_000) }, "deeper than 64"},
}

func TestABodyThatIsNoStrictJSONIsRefusedByEveryOperation(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		for name, op := range w.operations(1) {
			before := w.admin.census(t)
			for what, bad := range notJSON {
				p := op.send(t, op.method, op.path, bad.body(op.good)).refused(t, 400, "INVALID_REQUEST")
				require.Contains(t, p.Detail, bad.says, "%s, %s", name, what)
			}
			if op.document != "" { // the same in a document that could hold anything
				for what, value := range map[string]string{
					"U+0000": `{"a":[{"b":"\u0000"}]}`, "U+0000 in a name": `{"a":{"\u0000":1}}`, "a lone surrogate": `{"a":["\ud83d"]}`,
					"invalid UTF-8": "{\"a\":\"\x80\"}", "a name twice": `{"a":{"b":1,"\u0062":1}}`, "65 levels": nested(64),
				} {
					op.send(t, op.method, op.path, with(op.good, op.document, value)).refused(t, 400, "INVALID_REQUEST")
					require.Equal(t, before, w.admin.census(t), "%s, %s in %s", name, what, op.document)
				}
			}
			require.Equal(t, before, w.admin.census(t), name)
		}
	})
}

func TestABodyThatIsNoObjectIsRefusedByEveryOperation(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		before := w.admin.census(t)
		for name, op := range w.operations(1) {
			for _, body := range []string{"null", "[]", "[" + op.good + "]", `"text"`, "1", "true", "{}"} {
				require.NotEmpty(t, op.send(t, op.method, op.path, body).refused(t, 400, "INVALID_REQUEST").Detail, "%s %s", name, body)
			}
			require.Equal(t, before, w.admin.census(t), name)
		}
	})
}

func TestABodyOfAnotherMediaTypeIsRefusedByEveryOperation(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		before := w.admin.census(t)
		for name, op := range w.operations(1) {
			want := map[string]string{http.MethodPost: "application/json", http.MethodPatch: "application/json or application/merge-patch+json"}[op.method]
			bad := []string{"text/plain", "application/x-www-form-urlencoded", "application/jsonx", "text/x+json", "application/json+x", "application/+json/", "*/*", "application/*", "nonsense", "application/yaml"}
			if op.method == http.MethodPatch {
				bad = append(bad, "application/json-patch+json", "application/vnd.api+json")
			}
			for _, mediaType := range bad {
				p := op.send(t, op.method, op.path, op.good, "Content-Type", mediaType).refused(t, 415, "UNSUPPORTED_MEDIA_TYPE")
				require.Contains(t, p.Detail, want, "%s %q", name, mediaType)
			}
			require.Equal(t, before, w.admin.census(t), name)
		}
		for method, types := range map[string][]string{ // the others are as the original takes them
			http.MethodPost:  {"Application/JSON; charset=utf-8", "", "application/vnd.api+json", "application/merge-patch+json; charset=utf-8"},
			http.MethodPatch: {"application/merge-patch+json;charset=UTF-8", "", "application/json", "application/json; charset=utf-8"},
		} {
			for n, mediaType := range types {
				for name, op := range w.operations(n + 1) {
					if op.method != method || name == "reportFailed" {
						continue // READY by now
					}
					got := op.send(t, op.method, op.path, op.good, "Content-Type", mediaType)
					require.Less(t, got.Status, 300, "%s %q: %s", name, mediaType, got.Body)
				}
			}
		}
	})
}

func TestAPatchIsTheSameAsPlainJSON(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		for name, op := range w.operations(1) {
			if op.method != http.MethodPatch {
				continue
			}
			for _, mediaType := range []string{"application/json", "Application/JSON; charset=utf-8"} {
				op.send(t, op.method, op.path, `{"typo":1}`, "Content-Type", mediaType).refused(t, 400, "INVALID_REQUEST")
				op.send(t, op.method, op.path, op.good, "Content-Type", mediaType, "If-Match", `"stale"`).refused(t, 412, "PRECONDITION_FAILED")
				got := op.send(t, op.method, op.path, op.good, "Content-Type", mediaType)
				require.Equal(t, 200, got.Status, "%s: %s", name, got.Body)
			}
		}
		for _, change := range []struct{ patch, policy string }{{`{"policy":{"a":{"b":1.10},"c":1}}`, `{"a":{"b":1.10},"c":1}`}, {`{"policy":{"a":null}}`, `{"c":1}`}} {
			got := w.admin.send(t, http.MethodPatch, "/v1/admin/profiles/"+w.profile, change.patch, "Content-Type", "application/json")
			require.Equal(t, 200, got.Status, got.Body)
			require.Contains(t, got.Body, `"policy":`+change.policy, "an RFC 7396 merge patch, whatever it is called")
		}
	})
}

func TestABodyOverTheLimitIsRefusedByEveryOperation(t *testing.T) {
	t.Parallel()
	const limit = 2048
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		before := w.admin.census(t)
		for name, op := range w.operations(1) {
			for _, size := range []int{limit + 1, 100 * limit} {
				body := op.good + strings.Repeat(" ", size-len(op.good))
				p := op.send(t, op.method, op.path, body).refused(t, 413, "PAYLOAD_TOO_LARGE")
				require.Contains(t, p.Detail, "MAX_BODY_BYTES", name)
				chunked := struct{ *strings.Reader }{strings.NewReader(body)} // hides its length
				op.do(t, op.method, op.path, chunked).refused(t, 413, "PAYLOAD_TOO_LARGE")
			}
			require.Equal(t, before, w.admin.census(t), name)
		}
		for name, op := range w.operations(1) {
			if name == "reportFailed" {
				continue // READY by now
			}
			body := op.good + strings.Repeat(" ", limit-len(op.good))
			got := op.do(t, op.method, op.path, struct{ *strings.Reader }{strings.NewReader(body)})
			require.Less(t, got.Status, 300, "%s: %s", name, got.Body)
		}
	}, func(c *app.Config) { c.MaxBodyBytes = limit })
}
