package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
)

// server is a running MetaGate, as an admin asks it.
type server struct {
	remote
	*client.Client
	log  io.Writer
	date time.Time // of its last answer
	at   time.Time // when that came
}

// now is the server's time, to the second: ages don't depend on this host's clock.
func (m *server) now() time.Time {
	if m.date.IsZero() {
		return time.Now()
	}
	return m.date.Add(time.Since(m.at)) // a stream goes on for long
}

// dated reads the server's time off an answer.
func (m *server) dated(r *http.Response) {
	m.date, _ = http.ParseTime(r.Header.Get("Date"))
	m.at = time.Now()
}

// do makes a call and reads its answer. An error is one line: nobody answers, the
// server refuses, or it is no MetaGate.
func (m *server) do(call func() (*http.Response, error)) (*http.Response, []byte, error) {
	r, err := call()
	if _, known := errors.AsType[coded](err); known {
		return nil, nil, err
	} else if err != nil {
		return nil, nil, m.unreached(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, m.unreached(err)
	}
	m.dated(r)
	return r, body, m.refused(r, body)
}

// answer makes a call whose answer is a T.
func answer[T any](m *server, call func() (*http.Response, error)) (T, error) {
	v, _, err := answerOf[T](m, call)
	return v, err
}

func answerOf[T any](m *server, call func() (*http.Response, error)) (v T, r *http.Response, err error) {
	r, body, err := m.do(call)
	if err != nil {
		return v, nil, err
	}
	if media(r) != "application/json" || json.Unmarshal(body, &v) != nil {
		return v, nil, stranger(r)
	}
	return v, r, nil
}

// media is what the answer says it is.
func media(r *http.Response) string {
	t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return t
}

// refused is a problem document as an error; nil for a 2xx.
func (m *server) refused(r *http.Response, body []byte) error {
	if r.StatusCode < http.StatusBadRequest {
		return nil
	}
	err := stranger(r)
	if bytes.Contains(body, []byte("HTTP request to an HTTPS server")) { // net/http says so
		err = fmt.Errorf("METAGATE_URL: this server speaks TLS: write https://%s", r.Request.URL.Host)
	}
	var p model.Problem
	if json.Unmarshal(body, &p) == nil && p.Code != "" {
		for _, place := range p.Errors {
			fmt.Fprintf(m.log, "  %s: %s\n", place.Pointer, place.Detail)
		}
		err = refusal{fmt.Errorf("%s: %s (request %s)", p.Code, p.Detail, p.RequestID), r.StatusCode, p.Errors}
	}
	switch r.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		err = passing{err}
	}
	return coded{err, exitRefused}
}

// refusal is what a MetaGate says no with, and the places that it names.
type refusal struct {
	error
	status int
	places []model.ProblemPlace
}

// stranger is the error of an answer that no MetaGate gives.
func stranger(r *http.Response) error {
	guess := "is it a MetaGate?"
	switch r.StatusCode {
	case http.StatusRequestEntityTooLarge:
		guess = "a proxy in front of it that takes no body as large as this?"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		guess = "a proxy in front of it, and no MetaGate behind?"
	}
	return coded{fmt.Errorf("METAGATE_URL: the server answers %d with %q: %s (curl %s://%s/ tells)",
		r.StatusCode, r.Header.Get("Content-Type"), guess, r.Request.URL.Scheme, r.Request.URL.Host), exitRefused}
}
