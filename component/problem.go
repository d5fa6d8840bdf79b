package component

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Codes of a Problem that a component may meet. docs/component.md has the others, and
// what to do about each.
const (
	CodeUnauthenticated       = "UNAUTHENTICATED"         // 401: the credential is missing, wrong, expired or revoked
	CodeNoBinding             = "NO_BINDING"              // 403: the principal has no active binding, so no packet
	CodeComponentNotPermitted = "COMPONENT_NOT_PERMITTED" // 403: its profile allows other components
	CodePrincipalMismatch     = "PRINCIPAL_MISMATCH"      // 409: the hint in Config.Principal is not who asks
	CodeSessionNotFound       = "SESSION_NOT_FOUND"       // 404: no such startup of this principal
	CodeInvalidState          = "INVALID_STATE"           // 409: the startup was closed the other way
	CodeUnavailable           = "UNAVAILABLE"             // 503: the database is away, or too many wait
)

// Problem is an answer that refuses, as a problem document (RFC 9457) says it. Of one
// that is none, as a proxy's page, Status and Title are all that is known.
type Problem struct {
	// Type is a URI that names the kind of problem.
	Type string `json:"type"`
	// Title is the kind of problem for people.
	Title string `json:"title"`
	// Status is the HTTP status that was answered with: any but 200.
	Status int `json:"-"`
	// Detail is what is wrong with this request.
	Detail string `json:"detail"`
	// Code is the kind of problem for programs: one of the Code constants, or another.
	Code string `json:"code"`
	// RequestID is by what the server's log knows the request.
	RequestID string `json:"request_id"`
	// Places are the offending places of the request, at most 100.
	Places []Place `json:"errors"`
	// RetryAfter is how long the server asks to wait; 0 where it doesn't.
	RetryAfter time.Duration `json:"-"`
}

// Place is an offending place of a request.
type Place struct {
	// Pointer is a JSON Pointer (RFC 6901) into the request's body.
	Pointer string `json:"pointer"`
	// Detail is what is wrong there.
	Detail string `json:"detail"`
}

// Error is status, code, detail, places and request id, on one line.
func (p *Problem) Error() string {
	text := strconv.Itoa(p.Status) + " " + p.Code
	if p.Code == "" {
		text = strconv.Itoa(p.Status) + " " + p.Title
	}
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	for _, place := range p.Places {
		text += fmt.Sprintf("; %s: %s", place.Pointer, place.Detail)
	}
	if p.RequestID != "" {
		text += " (request " + p.RequestID + ")"
	}
	return text
}

// problemOf reads a refusal.
func problemOf(status int, header http.Header, body []byte, now time.Time) *Problem {
	var p Problem
	if json.Unmarshal(body, &p) != nil {
		p = Problem{}
	}
	p.Status = status
	if p.Title == "" {
		p.Title = http.StatusText(status)
	}
	p.RetryAfter = retryAfter(header.Get("Retry-After"), now)
	return &p
}

// retryAfter reads seconds or a date (RFC 9110, section 10.2.3); 0 is none, or past.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return max(0, date.Sub(now))
}
