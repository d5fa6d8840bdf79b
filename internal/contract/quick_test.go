package contract

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/doc"
)

// The quick look may refuse what is fine, never accept what the validator refuses.
func FuzzWhatFitsTheQuickLookTheValidatorAcceptsToo(f *testing.F) {
	spec, err := Load("X-API-Key")
	require.NoError(f, err)
	paths := []string{"/v1/bootstrap", "/v1/startup/ready", "/v1/startup/failed"}
	for _, path := range paths {
		require.NotNil(f, spec.Route("POST", path, path).quick, "%s has a quick look", path)
	}
	const id = `"0192d6b0-6f3a-7c12-8e7f-0a1b2c3d4e5f"`
	for _, seed := range []string{
		`{"component_key":"a"}`, `{"component_key":"a","principal_key":"p","last_packet_etag":"e","new":{"x":[1]}}`, `{"component_key":""}`,
		`{"component_key":1}`, `{"component_key":null}`, `{}`, `[]`, `null`, `{"component_key":"a b"}`, `{"component_key":"a\u0062"}`,
		`{"component_key":"a","principal_key":""}`, `{"component_key":"a","last_packet_etag":null}`,
		`{"startup_id":` + id + `,"build_version":"1"}`, `{"startup_id":` + id + `,"build_version":"1","health":{}}`,
		`{"startup_id":` + id + `,"build_version":"\u007f","health":[]}`, `{"startup_id":"x","build_version":"1"}`,
		`{"component_key":"a","source":"bench","labels":{"a":"b"}}`, `{"component_key":"a","source":"x"}`, `{"component_key":"a","component_key":"a"}`,
		`{"component_key":"a"} `, `{"component_key":"a"}x`, `{"component_key":"a"}{}`, `{"component_key":"a","\u0000":1}`, `{"component_key":"a","x":"\u0000"}`,
		`{"component_key":"a","x":{"a":"\u0000"}}`, `{"component_key":"a","x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "{\"component_key\":\"a\",\"x\":\"\xff\"}",
		`{"startup_id":` + id + `,"error":"e\n","details":{"a":1}}`, `{"startup_id":` + id + `,"error":""}`, `{"startup_id":` + id + `,"error":"é"}`,
	} {
		for i := range paths {
			f.Add(i, seed, "")
			f.Add(i, seed, `"x"`)
		}
	}
	f.Fuzz(func(t *testing.T, which int, body, ifNoneMatch string) {
		path := paths[uint(which)%uint(len(paths))]
		route := spec.Route("POST", path, path)
		r, err := http.NewRequest(http.MethodPost, path, io.NopCloser(bytes.NewReader([]byte(body))))
		require.NoError(t, err)
		r.Header = http.Header{"Content-Type": {"application/json"}}
		if ifNoneMatch != "" {
			r.Header.Set("If-None-Match", ifNoneMatch)
		}
		if !route.quick.fits(r.Header, []byte(body)) {
			return
		}
		require.NoError(t, doc.Check([]byte(body)))
		require.NoError(t, openapi3filter.ValidateRequest(t.Context(), &openapi3filter.RequestValidationInput{
			Request: r, Route: &route.route,
			Options: &openapi3filter.Options{SkipSettingDefaults: true, MultiError: true, SchemaValidationOptions: formats},
		}))
	})
}

func TestTheQuickLookAcceptsWhatComponentsSend(t *testing.T) {
	t.Parallel()
	spec, err := Load("X-API-Key")
	require.NoError(t, err)
	for path, body := range map[string]string{
		"/v1/bootstrap":      `{"component_key": "memorygate_main", "principal_key": "memorygate", "source": "live", "instance_id": "pod-1"}`,
		"/v1/startup/ready":  `{"startup_id":"0192d6b0-6f3a-7c12-8e7f-0a1b2c3d4e5f","build_version":"1.4.2","health":{"listening":true}}`,
		"/v1/startup/failed": `{"startup_id":"0192d6b0-6f3a-7c12-8e7f-0a1b2c3d4e5f","error":"port 8001 is taken","details":{"port":8001}}`,
	} {
		require.True(t, spec.Route("POST", path, path).quick.fits(http.Header{}, []byte(body)), path)
	}
}
