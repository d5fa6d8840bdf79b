package component_test

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/legivellum/metagate/component"
	"github.com/legivellum/metagate/component/componenttest"
)

func TestACloseWithoutAReportIsFailed(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	s := start(t, cfg)
	noError(t, s.Close())
	noError(t, s.Close())
	isError(t, s.Ready(t.Context()), component.ErrReported)
	got := only(t, server)
	equal(t, got.Status+" "+got.Error, "FAILED closed before it was ready")
	equal(t, len(server.Requests()), 2)
}

func TestACloseThatFindsNobodyIsTheEndAllTheSame(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	cfg.ReportBudget = time.Second
	s := start(t, cfg)
	server.Fail(1000, componenttest.Fault{Status: 503})
	isError(t, s.Close(), component.ErrUnavailable)
	noError(t, s.Close())
	isError(t, s.Ready(t.Context()), component.ErrReported)
}

// recovered is what f panics with.
func recovered(f func()) (value any) {
	defer func() { value = recover() }()
	f()
	return nil
}

func TestAPanicIsReportedAndGoesOnWithItsValue(t *testing.T) {
	t.Parallel()
	cause := errors.New("port 8001 is taken")
	for name, value := range map[string]any{"a text": "port 8001 is taken", "an error": cause} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, cfg, _ := newServer(t)
			s := start(t, cfg)
			got := recovered(func() {
				defer s.Close()
				panic(value)
			})
			equal(t, got, value)
			equal(t, only(t, server).Error, "panic: port 8001 is taken")
			noError(t, s.Close())
		})
	}
	t.Run("an error of the runtime", func(t *testing.T) {
		t.Parallel()
		server, cfg, _ := newServer(t)
		s := start(t, cfg)
		var none []int
		got := recovered(func() {
			defer s.Close()
			none[len(server.Startups())]++
		})
		if _, ok := got.(runtime.Error); !ok {
			t.Fatal(got)
		}
		says(t, only(t, server).Error, "panic: runtime error: index out of range")
	})
}

func TestAPanicWithMetaGateAwayGoesOn(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	cfg.ReportBudget = time.Second
	s := start(t, cfg)
	server.Fail(1000, componenttest.Fault{Status: 503})
	equal(t, recovered(func() {
		defer s.Close()
		panic("first")
	}), any("first"))
}

func TestAPanicAfterReadyIsNoneOfMetaGates(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	s := start(t, cfg)
	noError(t, s.Ready(t.Context()))
	equal(t, recovered(func() {
		defer s.Close()
		panic("later")
	}), any("later"))
	equal(t, only(t, server).Status, "READY")
	equal(t, len(server.Requests()), 2)
}

func TestACloseThatIsCalledByADeferredFunctionLeavesThePanicAlone(t *testing.T) {
	t.Parallel()
	server, cfg, _ := newServer(t)
	s := start(t, cfg)
	equal(t, recovered(func() {
		defer func() { _ = s.Close() }()
		panic("it goes its way")
	}), any("it goes its way"))
	equal(t, only(t, server).Error, "closed before it was ready")
}
