package apptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/bootstrap"
)

const requestID = "X-Request-ID"

// usableID is a request id that the server takes over from the caller.
var usableID = regexp.MustCompile(`^[!-~]{1,128}$`)

// checkAnyAnswer is what holds for every answer: an id, no header sent empty,
// nothing that a browser would guess about.
func checkAnyAnswer(r *http.Request, header http.Header) error {
	var errs []error
	if ids := header.Values(requestID); len(ids) != 1 || ids[0] == "" {
		errs = append(errs, fmt.Errorf("X-Request-ID %q", ids))
	}
	if own := r.Header.Get(requestID); usableID.MatchString(own) && header.Get(requestID) != own {
		errs = append(errs, fmt.Errorf("X-Request-ID %q, the caller sent %q", header.Get(requestID), own))
	}
	if got := header.Get("X-Content-Type-Options"); got != "nosniff" {
		errs = append(errs, fmt.Errorf("X-Content-Type-Options %q", got))
	}
	for name, values := range header {
		for _, v := range values {
			if v == "" {
				errs = append(errs, fmt.Errorf("header %s is sent empty", name))
			}
		}
	}
	return errors.Join(errs...)
}

// checkUnrouted is what holds where openapi.yaml has no operation: 404, or 405
// with Allow (contract 8), or 307 to the path without the slash at its end. OPTIONS is CORS's.
func checkUnrouted(r *http.Request, status int, header http.Header) error {
	switch {
	case status == http.StatusNotFound:
		return nil
	case status == http.StatusMethodNotAllowed:
		if header.Get("Allow") == "" {
			return errors.New("405 without Allow")
		}
		return nil
	case status == http.StatusTemporaryRedirect && (strings.HasSuffix(r.URL.Path, "/") || r.URL.Path == "/docs"):
		if to := header.Get("Location"); !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") {
			return fmt.Errorf("307 to %q", to)
		}
		return nil
	case status == http.StatusNoContent && r.Method == http.MethodOptions:
		return nil
	}
	return errors.New("openapi.yaml has no such operation: 404 or 405 is due")
}

// inside is what must never leave the process (contract 8).
var inside = regexp.MustCompile(`SQLSTATE|goroutine \d|\.go:\d|SELECT .* FROM|constraint failed|violates .* constraint`)

// checkProblem holds an error against RFC 9457 and contract 8.
func checkProblem(status int, header http.Header, body []byte) error {
	if got := header.Get("Content-Type"); got != "application/problem+json" {
		return fmt.Errorf("the error's Content-Type is %q", got)
	}
	var p model.Problem
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return fmt.Errorf("the problem document: %w", err)
	}
	var errs []error
	say := func(ok bool, member string, got any) {
		if !ok {
			errs = append(errs, fmt.Errorf("the problem's %s is %q", member, got))
		}
	}
	say(p.Status == status, "status", p.Status)
	say(p.Title == http.StatusText(status), "title", p.Title)
	say(p.Detail != "", "detail", p.Detail)
	say(p.Code != "" && p.Code == strings.ToUpper(p.Code), "code", p.Code)
	say(p.Type == "urn:metagate:problem:"+strings.ReplaceAll(strings.ToLower(p.Code), "_", "-"), "type", p.Type)
	say(p.RequestID == header.Get(requestID), "request_id", p.RequestID)
	for _, place := range p.Errors {
		say(place.Pointer == "" || place.Pointer[0] == '/', "pointer", place.Pointer)
		say(place.Detail != "", "place's detail", place.Detail)
	}
	if leak := inside.Find(body); leak != nil {
		errs = append(errs, fmt.Errorf("the problem lets %q out", leak))
	}
	return errors.Join(errs...)
}

// checkMessage holds what openapi.yaml can't say of an answer of POST /mcp: a result is
// there three times, and an error's data is the problem that REST would answer with.
func checkMessage(header http.Header, body []byte) error {
	var m struct {
		Result json.RawMessage
		Error  struct {
			Message string
			Data    json.RawMessage
		}
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return err
	}
	if m.Result == nil {
		var p model.Problem
		if err := json.Unmarshal(m.Error.Data, &p); err != nil {
			return err
		}
		if m.Error.Message != p.Detail {
			return fmt.Errorf("the error's message is %q, its problem's detail %q", m.Error.Message, p.Detail)
		}
		plain, err := json.Marshal(p) // without what a revision adds
		if err != nil {
			return err
		}
		header = header.Clone()
		header.Set("Content-Type", "application/problem+json")
		return checkProblem(p.Status, header, plain)
	}
	var tool struct {
		Content           []struct{ Type, Text string }
		StructuredContent map[string]json.RawMessage
		IsError           *bool
	}
	var flat, text map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(m.Result, &tool), json.Unmarshal(m.Result, &flat)); err != nil || tool.Content == nil {
		return err
	}
	if err := json.Unmarshal([]byte(tool.Content[0].Text), &text); err != nil || len(text) != len(tool.StructuredContent) || *tool.IsError {
		return fmt.Errorf("the result says different things: %w", err)
	}
	for name, value := range tool.StructuredContent {
		if string(flat[name]) != string(value) || string(text[name]) != string(value) {
			return fmt.Errorf("the result says different things of %s", name)
		}
	}
	return checkNoForbiddenKey(m.Result)
}

// checkNoForbiddenKey: nothing that MetaGate returns carries one (contract 1).
func checkNoForbiddenKey(body []byte) error {
	return bootstrap.CheckForbidden(bootstrap.Section{Doc: body})
}
