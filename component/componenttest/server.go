package componenttest

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"

	"github.com/legivellum/metagate/component"
)

// TB is what a Server needs of a *testing.T, *testing.B or *testing.F.
type TB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Server is a MetaGate that listens on the loopback. Its methods may be called by
// several goroutines at once.
type Server struct {
	// URL is its address.
	URL string
	// Key is the API key or JWT that opens it; any other is answered with 401.
	Key string

	tb     TB
	closed chan struct{}

	mu       sync.Mutex
	packet   map[string]json.RawMessage
	revision int64
	keys     []signer // the last one signs; none does where there is none
	away     bool
	faults   []Fault
	startups []*Startup
	requests []Request
}

// Request is a request as it arrived.
type Request struct {
	// Method and Path are those of the request line.
	Method, Path string
	// Header has the credential, the User-Agent, the Idempotency-Key.
	Header http.Header
	// Body is at most 1 MiB and a byte. MetaGate takes 64 KiB, and of a backfill 1 MiB.
	Body []byte
}

// NewServer starts a Server that answers with packet until the test ends. packet is a
// JSON object with members of a Welcome Packet. What it leaves out is empty, or a
// made-up key; packet_id, issued_at, component_key and startup are new in each answer,
// whatever it says. A packet that can't be one ends the test.
func NewServer(tb TB, packet string) *Server {
	tb.Helper()
	s := &Server{Key: "mgk_of_the_tests", tb: tb, closed: make(chan struct{})}
	var err error
	if s.packet, err = readPacket(packet); err != nil {
		tb.Fatalf("componenttest: packet: %v", err)
	}
	s.RotateKey()
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = server.URL
	tb.Cleanup(func() {
		close(s.closed) // those who hang
		server.Close()
	})
	return s
}

// SetPacket has later starts answered with another packet, of a later revision.
func (s *Server) SetPacket(packet string) {
	s.tb.Helper()
	p, err := readPacket(packet)
	if err != nil {
		s.tb.Fatalf("componenttest: packet: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packet, s.revision = p, s.revision+1
}

// Config is a configuration to start a component with, to be changed at will.
func (s *Server) Config(componentKey string) component.Config {
	return component.Config{Addresses: []string{s.URL}, APIKey: s.Key, Component: componentKey}
}

// Startups are those that were opened, oldest first.
func (s *Server) Startups() []Startup {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Startup, len(s.startups))
	for i, one := range s.startups {
		out[i] = *one
		out[i].Labels = maps.Clone(one.Labels)
	}
	return out
}

// Requests are all that arrived, oldest first: those that failed, too.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// serve keeps a request and answers it, or does what a fault says.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20+1))
	if err != nil {
		return // the caller has hung up
	}
	s.mu.Lock()
	s.requests = append(s.requests, Request{r.Method, r.URL.Path, r.Header.Clone(), body})
	if s.away {
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	var f Fault
	if len(s.faults) > 0 {
		f, s.faults = s.faults[0], s.faults[1:]
	}
	s.mu.Unlock()

	if f.refuses() {
		f.answer(w, r, s.closed)
		return
	}
	s.mu.Lock()
	a := s.handle(r, body)
	s.mu.Unlock()
	f.deliver(w, a)
}
