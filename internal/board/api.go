package board

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
)

// api asks the API as the one who looks.
type api struct {
	*client.ClientWithResponses
	credential string
}

// as is the API to who shows this credential. Nothing else of the request opens the
// door: neither its own headers nor its connection's certificate.
func (b *Board) as(r *http.Request, credential string) api {
	c, _ := client.NewClientWithResponses("http://board", // can't fail: there is a URL
		client.WithHTTPClient(&http.Client{Transport: inProcess{b.API, r}}),
		client.WithRequestEditorFn(func(_ context.Context, q *http.Request) error {
			if isToken(credential) {
				q.Header.Set("Authorization", "Bearer "+credential)
			} else {
				q.Header.Set(b.APIKeyHeader, credential)
			}
			return nil
		}))
	return api{c, credential}
}

// isToken tells a JWT (RFC 7519: three parts, the first an object in base64url) from an API key.
func isToken(credential string) bool {
	return strings.HasPrefix(credential, "ey") && strings.Count(credential, ".") == 2
}

// inProcess is an http.RoundTripper to a handler, in the place of another request.
type inProcess struct {
	handler http.Handler
	outer   *http.Request
}

// RoundTrip implements http.RoundTripper.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RemoteAddr, in.RequestURI, in.Host = p.outer.RemoteAddr, r.URL.RequestURI(), p.outer.Host
	for _, name := range []string{"X-Forwarded-For", "Forwarded", "X-Request-Id", "X-Trace-Id", "User-Agent"} {
		if v := p.outer.Header[name]; v != nil {
			in.Header[name] = v
		}
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := &answer{header: http.Header{}}
	p.handler.ServeHTTP(w, in)
	return &http.Response{
		StatusCode: max(w.status, http.StatusOK), Header: w.header, Body: io.NopCloser(&w.body), Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(w.body.Len()),
	}, nil
}

// answer is an http.ResponseWriter that keeps what is written.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// refused is an answer of the API that is no success.
type refused struct{ model.Problem }

func (r refused) Error() string { return r.Detail }

// result is what every call of the generated client gives.
type result interface {
	StatusCode() int
	GetBody() []byte
}

// got is an answer, or why there is none.
func got[R result](answer R, err error) (R, error) {
	if err != nil || answer.StatusCode() < http.StatusBadRequest {
		return answer, err
	}
	var p model.Problem
	if json.Unmarshal(answer.GetBody(), &p) != nil || p.Status == 0 {
		return answer, errors.New("the API answered with no problem document")
	}
	return answer, refused{p}
}

// statusOf is the API's, where it has refused something.
func statusOf(err error) int {
	if no, ok := errors.AsType[refused](err); ok {
		return no.Status
	}
	return http.StatusInternalServerError
}

// nextCursor reads the cursor out of the Link to the next page (RFC 8288); nil is the last one.
func nextCursor(h http.Header) *string {
	_, after, ok := strings.Cut(h.Get("Link"), "<")
	to, _, closed := strings.Cut(after, ">")
	if u, err := url.Parse(to); ok && closed && err == nil {
		if cursor := u.Query().Get("cursor"); cursor != "" {
			return &cursor
		}
	}
	return nil
}

// orNil is a parameter that is left out where it is empty.
func orNil[T ~string](v string) *T {
	if v == "" {
		return nil
	}
	return new(T(v))
}

// val is a value that may be null: then it is the zero value.
func val[T any](v nullable.Nullable[T]) T {
	out, _ := v.Get()
	return out
}
