package componenttest

import (
	"net/http"
	"slices"
	"strconv"
)

// Fault is what goes wrong with a request. The zero Fault is none.
type Fault struct {
	// Status is answered instead of handling the request: 503, 401.
	Status int
	// Code is the problem's code: NO_BINDING. Where it is empty, and so is Body, the
	// answer is a page in HTML, as a proxy sends.
	Code string
	// RetryAfter is the header of that name: seconds or a date.
	RetryAfter string
	// Body is answered instead of what Status and Code say; with status 200 where there
	// is no Status. The request isn't handled.
	Body string
	// Hang is that the request is neither handled nor answered, until the caller hangs up.
	Hang bool
	// Drop is that the request is handled, and the connection then cut without an answer.
	Drop bool
	// Cut is that the request is handled, and the connection cut in the middle of the answer.
	Cut bool
}

// Fail lets the next n requests meet f, after those of earlier calls.
func (s *Server) Fail(n int, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, slices.Repeat([]Fault{f}, n)...)
}

// Heal takes back the faults that no request has met yet.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// SetAway has every connection cut, as by a MetaGate that isn't there, until it is taken
// back. Requests are kept all the same.
func (s *Server) SetAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// refuses is that the request isn't handled.
func (f Fault) refuses() bool { return f.Hang || f.Status != 0 || f.Body != "" }

// answer answers a request that isn't handled.
func (f Fault) answer(w http.ResponseWriter, r *http.Request, closed <-chan struct{}) {
	if f.Hang {
		select {
		case <-r.Context().Done():
		case <-closed:
		}
		panic(http.ErrAbortHandler)
	}
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	switch {
	case f.Body != "":
		write(w, answer{status: max(f.Status, http.StatusOK), contentType: "text/plain", body: []byte(f.Body)})
	case f.Code != "":
		write(w, problem(f.Status, f.Code, "it is to fail"))
	default:
		write(w, answer{status: f.Status, contentType: "text/html", body: []byte("<html>" + http.StatusText(f.Status) + "</html>")})
	}
}

// deliver sends the answer to a request that was handled, or some of it.
func (f Fault) deliver(w http.ResponseWriter, a answer) {
	switch {
	case f.Drop:
		panic(http.ErrAbortHandler) // which net/http understands, and doesn't log
	case f.Cut:
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		a.body = a.body[:len(a.body)/2]
		write(w, a)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	default:
		write(w, a)
	}
}

// answer is what a request is answered with.
type answer struct {
	status      int
	contentType string
	body        []byte
	signature   string // empty for none
}

func write(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", a.contentType)
	if a.signature != "" {
		w.Header().Set("Metagate-Signature", a.signature)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the caller may be gone
}
