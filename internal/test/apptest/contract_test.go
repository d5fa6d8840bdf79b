package apptest_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
)

const (
	id      = "0192d6b0-6f3a-7c11-8e7f-0a1b2c3d4e5f"
	ack     = `{"startup_id":"` + id + `","status":"READY","acknowledged_at":"2026-11-22T12:00:03.12Z"}`
	health  = `{"status":"healthy","service":"MetaGate","version":"0.1","instance_id":"one"}`
	problem = `{"type":"urn:metagate:problem:not-found","title":"Not Found","status":404,"detail":"no such path","code":"NOT_FOUND","request_id":"r1"}`
)

// answer is a good one; a test spoils it.
type answer struct {
	method, path string
	status       int
	header       map[string]string
	body         string
}

func (a answer) check() error {
	header := http.Header{"X-Request-Id": {"r1"}, "X-Content-Type-Options": {"nosniff"}}
	for k, v := range a.header {
		if header.Set(k, v); v == "-" {
			header.Del(k)
		}
	}
	return apptest.CheckAnswer(httptest.NewRequest(a.method, a.path, nil), a.status, header, []byte(a.body))
}

func with(h map[string]string, more ...string) map[string]string {
	h = maps.Clone(h)
	for i := 0; i < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	return h
}

var (
	asJSON     = map[string]string{"Content-Type": "application/json"}
	asProblem  = map[string]string{"Content-Type": "application/problem+json"}
	asUnbodied = map[string]string{"ETag": `"e"`, "Metagate-Startup-Id": id, "Metagate-Startup-Deadline": "2026-11-22T12:02:00Z"}
)

func TestAGoodAnswerPassesTheContract(t *testing.T) {
	t.Parallel()
	for _, good := range []answer{
		{"POST", "/v1/startup/ready", 200, asJSON, ack},
		{"POST", "/v1/bootstrap", 304, asUnbodied, ""},
		{"DELETE", "/v1/admin/profiles/" + id, 204, nil, ""},
		{"GET", "/v1/nothing", 404, asProblem, problem},
		{
			"PUT", "/v1/bootstrap", 405, with(asProblem, "Allow", "POST"),
			`{"type":"urn:metagate:problem:method-not-allowed","title":"Method Not Allowed","status":405,"detail":"x","code":"METHOD_NOT_ALLOWED","request_id":"r1"}`,
		},
		{"HEAD", "/v1/bootstrap", 405, with(asProblem, "Allow", "POST"), ""},
		{"GET", "/docs/swagger-ui.css", 200, map[string]string{"Content-Type": "text/css; charset=utf-8"}, "a{}"},
	} {
		require.NoError(t, good.check(), "%+v", good)
	}
}

func TestABadAnswerBreaksTheContract(t *testing.T) {
	t.Parallel()
	for what, bad := range map[string]struct {
		answer
		says string
	}{
		"an undocumented status":         {answer{"GET", "/health", 202, asJSON, health}, "no 202"},
		"success where nothing is":       {answer{"GET", "/v1/nothing", 200, asJSON, `{}`}, "404 or 405"},
		"405 without Allow":              {answer{"PUT", "/v1/bootstrap", 405, asProblem, problem}, "without Allow"},
		"another content type":           {answer{"GET", "/health", 200, map[string]string{"Content-Type": "text/plain"}, "ok"}, "Content-Type"},
		"no content type":                {answer{"GET", "/docs/x.css", 200, nil, "a{}"}, "Content-Type"},
		"content where none is due":      {answer{"DELETE", "/v1/admin/profiles/" + id, 204, asJSON, ""}, "without content"},
		"a body where none is due":       {answer{"DELETE", "/v1/admin/profiles/" + id, 204, nil, "{}"}, "no body"},
		"a body of a 304":                {answer{"POST", "/v1/bootstrap", 304, asUnbodied, "{}"}, "no body"},
		"a 304 without a header":         {answer{"POST", "/v1/bootstrap", 304, with(asUnbodied, "Metagate-Startup-Id", "-"), ""}, "Metagate-Startup-Id is missing"},
		"a 304 with a bad header":        {answer{"POST", "/v1/bootstrap", 304, with(asUnbodied, "Metagate-Startup-Deadline", "soon"), ""}, "Metagate-Startup-Deadline"},
		"a required header missing":      {answer{"POST", "/v1/admin/principals", 201, asJSON, "{}"}, `"ETag" missing`},
		"an empty header":                {answer{"GET", "/health", 200, with(asJSON, "Link", ""), health}, "Link is sent empty"},
		"no request id":                  {answer{"GET", "/health", 200, with(asJSON, "X-Request-Id", "-"), health}, "X-Request-ID"},
		"a member missing":               {answer{"GET", "/health", 200, asJSON, `{}`}, "status"},
		"a member too many":              {answer{"GET", "/health", 200, asJSON, `{"status":"ok","service":"s","version":"v","instance_id":"i","x":1}`}, "x"},
		"no JSON":                        {answer{"GET", "/health", 200, asJSON, `{`}, "decode"},
		"no UUID":                        {answer{"POST", "/v1/startup/ready", 200, asJSON, `{"startup_id":"x","status":"READY","acknowledged_at":"2026-11-22T12:00:03Z"}`}, "startup_id"},
		"another enum value":             {answer{"POST", "/v1/startup/ready", 200, asJSON, `{"startup_id":"` + id + `","status":"LATE","acknowledged_at":"2026-11-22T12:00:03Z"}`}, "status"},
		"a time that isn't UTC":          {answer{"POST", "/v1/startup/ready", 200, asJSON, `{"startup_id":"` + id + `","status":"READY","acknowledged_at":"2026-11-22T12:00:03+01:00"}`}, "acknowledged_at"},
		"nanoseconds":                    {answer{"POST", "/v1/startup/ready", 200, asJSON, `{"startup_id":"` + id + `","status":"READY","acknowledged_at":"2026-11-22T12:00:03.000000001Z"}`}, "acknowledged_at"},
		"an error that is no problem":    {answer{"GET", "/v1/nothing", 404, asJSON, `{"message":"Not Found"}`}, "Content-Type"},
		"a problem of another status":    {answer{"GET", "/v1/nothing", 405, with(asProblem, "Allow", "GET"), problem}, "problem's status"},
		"a problem of another request":   {answer{"GET", "/v1/nothing", 404, with(asProblem, "X-Request-Id", "r2"), problem}, "problem's request_id"},
		"a problem without a request_id": {answer{"GET", "/v1/nothing", 404, asProblem, `{"type":"urn:metagate:problem:not-found","title":"Not Found","status":404,"detail":"x","code":"NOT_FOUND"}`}, "request_id"},
		"a problem with more":            {answer{"GET", "/v1/nothing", 404, asProblem, problem[:len(problem)-1] + `,"stack":"x"}`}, "stack"},
		"a problem with driver text":     {answer{"GET", "/v1/nothing", 404, asProblem, `{"type":"urn:metagate:problem:not-found","title":"Not Found","status":404,"detail":"SQLSTATE 42P01","code":"NOT_FOUND","request_id":"r1"}`}, "SQLSTATE"},
		"a forbidden key": {answer{"GET", "/v1/admin/profiles/" + id, 200, with(asJSON, "ETag", `"e"`), fmt.Sprintf(
			`{"id":%q,"tenant_key":"default","profile_key":"p","capabilities":{"a":[{" JOBS":1}]},"policy":{},"startup_sla_seconds":1,"created_at":"2026-11-22T12:00:03Z","updated_at":"2026-11-22T12:00:03Z"}`, id)}, "forbidden"},
	} {
		require.ErrorContains(t, bad.check(), bad.says, what)
	}
}

func BenchmarkCheckAnswer(b *testing.B) {
	a := answer{"POST", "/v1/startup/ready", 200, asJSON, ack}
	for b.Loop() {
		if err := a.check(); err != nil {
			b.Fatal(err)
		}
	}
}
