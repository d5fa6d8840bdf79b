package component_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/legivellum/metagate/component"
	"github.com/legivellum/metagate/component/componenttest"
)

// cached is a MetaGate, and a configuration that keeps packets.
func cached(t *testing.T) (*componenttest.Server, component.Config, *timeline) {
	t.Helper()
	server, c, tl := newServer(t)
	c.CacheDir = filepath.Join(t.TempDir(), "cache")
	return server, c, tl
}

// began is cached after a start that has left a packet.
func began(t *testing.T) (*componenttest.Server, component.Config, *timeline) {
	t.Helper()
	server, c, tl := cached(t)
	s := start(t, c)
	noError(t, s.Ready(t.Context()))
	equal(t, s.Source(), component.SourceLive)
	equal(t, s.Age(), 0)
	server.SetAway(true)
	return server, c, tl
}

func file(c component.Config, name string) string { return filepath.Join(c.CacheDir, name) }

// told waits until the server knows n startups, and none is left to tell.
func told(t *testing.T, server *componenttest.Server, c component.Config, n int) []componenttest.Startup {
	t.Helper()
	for {
		left, _ := filepath.Glob(file(c, "starts-*/*"))
		if all := server.Startups(); len(all) >= n && len(left) == 0 {
			return all
		}
		select {
		case <-t.Context().Done():
			t.Fatal("it is never told")
		case <-time.After(time.Millisecond):
		}
	}
}

func TestNoPacketOfTheDiskIsStartedWithWhereItMustNotBe(t *testing.T) {
	t.Parallel()
	edit := func(name, old, changed string) func(*testing.T, *componenttest.Server, *component.Config, *timeline) {
		return func(t *testing.T, _ *componenttest.Server, c *component.Config, _ *timeline) {
			t.Helper()
			text, err := os.ReadFile(file(*c, name))
			noError(t, err)
			if !strings.Contains(string(text), old) {
				t.Fatalf("%s has no %s: %s", name, old, text)
			}
			noError(t, os.WriteFile(file(*c, name), []byte(strings.ReplaceAll(string(text), old, changed)), 0o600))
		}
	}
	for name, c := range map[string]struct {
		change func(*testing.T, *componenttest.Server, *component.Config, *timeline)
		says   string
	}{
		"there is none": {func(t *testing.T, _ *componenttest.Server, c *component.Config, _ *timeline) {
			t.Helper()
			noError(t, os.RemoveAll(c.CacheDir))
		}, "no packet on disk"},
		"it was changed":       {edit("packet-worker_1.json", `"max_memory_mb":1024`, `"max_memory_mb":9999`), "refused"},
		"its signature was":    {edit("packet-worker_1.json", `..`, `..A`), "refused"},
		"its etag was":         {edit("packet-worker_1.json", `"packet_etag":"`, `"packet_etag":"0`), "packet_etag"},
		"it can't be read":     {edit("packet-worker_1.json", `"packet"`, `packet`), "no packet on disk"},
		"a newer one was seen": {edit("seen-worker_1.json", `{"revision":0,"packet_etag":"`, `{"revision":5,"packet_etag":"0`), "revision 0, and 5 was seen"},
		"it is another component's": {func(_ *testing.T, _ *componenttest.Server, c *component.Config, _ *timeline) {
			_ = os.Rename(file(*c, "packet-worker_1.json"), file(*c, "packet-worker_2.json"))
			_ = os.Rename(file(*c, "seen-worker_1.json"), file(*c, "seen-worker_2.json"))
			c.Component = "worker_2"
		}, `component "worker_1"`},
		"it is another principal's": {func(_ *testing.T, _ *componenttest.Server, c *component.Config, _ *timeline) { c.Principal = "another" }, `principal "principal"`},
		"the key is another's": {func(_ *testing.T, _ *componenttest.Server, c *component.Config, _ *timeline) {
			c.APIKey = "mgk_another"
		}, "another credential"},
		"a certificate doesn't tell whose it is": {func(_ *testing.T, _ *componenttest.Server, c *component.Config, _ *timeline) {
			c.APIKey, c.HTTPClient = "", &http.Client{Transport: roundTrip(http.DefaultTransport.RoundTrip)}
		}, "METAGATE_PRINCIPAL"},
		"it is too old": {func(_ *testing.T, _ *componenttest.Server, _ *component.Config, tl *timeline) {
			tl.pass(25 * time.Hour)
		}, "METAGATE_CACHE_MAX_AGE"},
		"it comes from the future": {func(_ *testing.T, _ *componenttest.Server, _ *component.Config, tl *timeline) { tl.pass(-time.Hour) }, "future"},
		"the pinned keys are others": {func(t *testing.T, _ *componenttest.Server, c *component.Config, _ *timeline) {
			t.Helper()
			c.VerifyKeysFile = write(t, filepath.Join(t.TempDir(), "keys.json"), `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
		}, "isn't known"},
		"nothing is kept": {func(_ *testing.T, _ *componenttest.Server, c *component.Config, _ *timeline) { c.CacheDir = "" }, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, cfg, tl := began(t)
			c.change(t, server, &cfg, tl)
			_, err := component.Start(t.Context(), cfg)
			isError(t, err, component.ErrUnavailable)
			says(t, err.Error(), c.says)
			server.SetAway(false)
			equal(t, len(server.Startups()), 1)
		})
	}
}

// What MetaGate says counts, even where it says no.
func TestAnAnswerIsNoReasonToStartWithThePacketOfTheDisk(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]componenttest.Fault{
		"401": {Status: 401, Code: "UNAUTHENTICATED"}, "403": {Status: 403, Code: "NO_BINDING"}, "409": {Status: 409, Code: "PRINCIPAL_MISMATCH"},
		"429": {Status: 429, Code: "TOO_MANY_REQUESTS"}, "408": {Status: 408, Code: "REQUEST_TIMEOUT"}, "a portal's page": {Body: "sign in"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, c, _ := began(t)
			server.SetAway(false)
			server.Fail(1000, f)
			_, err := component.Start(t.Context(), c)
			if err == nil {
				t.Fatal("it started")
			}
		})
	}
}

// An outage must not open what a revocation has closed.
func TestWhoWasRefusedIsNotStartedWithThePacketOfTheDiskUntilMetaGateLetsThemIn(t *testing.T) {
	t.Parallel()
	for code, status := range map[string]int{"UNAUTHENTICATED": 401, "NO_BINDING": 403} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			server, c, _ := began(t)
			server.SetAway(false)
			server.Fail(1, componenttest.Fault{Status: status, Code: code})
			_, err := component.Start(t.Context(), c)
			problem(t, err, status, code)
			server.SetAway(true)
			for range 2 {
				_, err = component.Start(t.Context(), c)
				isError(t, err, component.ErrUnavailable)
				says(t, err.Error(), "the packet on disk is refused", code)
			}
			server.SetAway(false)
			noError(t, start(t, c).Ready(t.Context()))
			server.SetAway(true)
			equal(t, start(t, c).Source(), component.SourceCache)
		})
	}
}

func TestARefusalForgetsNoKeysAndNoRevision(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*componenttest.Server){
		"other keys":        func(s *componenttest.Server) { s.DropKeys(); s.RotateKey() },
		"an older revision": func(s *componenttest.Server) { s.SetPacket(`{"profile":"another"}`); s.SetRevision(-1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, c, _ := began(t)
			server.SetAway(false)
			server.Fail(1, componenttest.Fault{Status: 403, Code: "NO_BINDING"})
			_, err := component.Start(t.Context(), c)
			problem(t, err, 403, "NO_BINDING")
			change(server)
			_, err = component.Start(t.Context(), c)
			isError(t, err, component.ErrUnverified)
		})
	}
}

func TestAComponentStartsWithThePacketOfItsDiskWhileMetaGateIsAwayAndTellsOfItAfterwards(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(*componenttest.Server){
		"cut":         func(s *componenttest.Server) { s.SetAway(true) },
		"502, a page": func(s *componenttest.Server) { s.SetAway(false); s.Fail(1000, componenttest.Fault{Status: 502}) },
		"503": func(s *componenttest.Server) {
			s.SetAway(false)
			s.Fail(1000, componenttest.Fault{Status: 503, Code: "UNAVAILABLE"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, c, tl := began(t)
			away(server)
			c.InstanceID, c.Labels, c.Version = "pod-7", map[string]string{"zone": "eu"}, "1.2"
			tl.pass(time.Hour)
			began := tl.now()
			s, err := component.Start(t.Context(), c)
			noError(t, err)
			if took := tl.now().Sub(began); took > component.DefaultBudget {
				t.Errorf("it took %v", took)
			}
			equal(t, s.Source(), component.SourceCache)
			if s.Age() < time.Hour {
				t.Error(s.Age())
			}
			equal(t, s.Packet().Profile, "gate")
			memorygate, err := s.Service("memorygate")
			noError(t, err)
			equal(t, memorygate.Auth, "jwt")
			noError(t, s.ReadyWith(t.Context(), map[string]bool{"listening": true}))
			noError(t, s.Ready(t.Context()))
			isError(t, s.Failed(t.Context(), errors.New("x")), component.ErrReported)
			noError(t, s.Close())
			equal(t, len(server.Startups()), 1)

			server.SetAway(false)
			server.Heal()
			got := told(t, server, c, 2)[1]
			equal(t, fmt.Sprint(got.ID, got.Source, got.Status, got.BuildVersion, string(got.Health), got.InstanceID, got.Labels),
				fmt.Sprint(s.ID(), "cache", "READY", "1.2", `{"listening":true}`, "pod-7", map[string]string{"zone": "eu"}))
			if got.OpenedAt.Before(began) || got.ClosedAt.Before(got.OpenedAt) {
				t.Error(got.OpenedAt, got.ClosedAt)
			}
		})
	}
}

func TestWhoEndsBeforeMetaGateIsBackIsToldOfByTheNextStart(t *testing.T) {
	t.Parallel()
	server, c, tl := began(t)
	for range 3 {
		silent := component.WithClock(c, tl.now, tl.sleepThenStop(t), half) // its process ends
		s, err := component.Start(t.Context(), silent)
		noError(t, err)
		noError(t, s.Close())
	}
	equal(t, len(server.Startups()), 1)
	server.SetAway(false)
	next := start(t, c)
	noError(t, next.Ready(t.Context()))
	noError(t, next.Close()) // a process that ends at once has told all the same
	left, _ := filepath.Glob(file(c, "starts-*/*"))
	equal(t, len(left), 0)
	failed := 0
	for _, s := range told(t, server, c, 5) {
		if s.Source == component.SourceCache && s.Status == "FAILED" && s.Error == "closed before it was ready" {
			failed++
		}
	}
	equal(t, failed, 3)
}

func TestAReportThatCanNotBeSentIsToldAfterwards(t *testing.T) {
	t.Parallel()
	server, c, _ := cached(t)
	s := start(t, c)
	server.SetAway(true)
	noError(t, s.Ready(t.Context()))
	equal(t, server.Startups()[0].Status, "OPEN")
	server.SetAway(false)
	all := told(t, server, c, 1)
	equal(t, len(all), 1)
	equal(t, all[0].Status, "READY")
	equal(t, all[0].Source, component.SourceLive)
}

func TestAMissingSecretFailsAStartWithoutMetaGateToo(t *testing.T) {
	t.Parallel()
	server, c, _ := cached(t)
	server.SetPacket(`{"required_env":[{"secret_key":"k","ref_kind":"file","ref_name":"/nowhere/at/all","ref_meta":{}}]}`)
	c.SkipSecretCheck = true
	noError(t, start(t, c).Ready(t.Context()))
	server.SetAway(true)
	c.SkipSecretCheck = false
	_, err := component.Start(t.Context(), c)
	missing := (*component.MissingError)(nil)
	if !asError(err, &missing) {
		t.Fatal(err)
	}
	server.SetAway(false)
	equal(t, told(t, server, c, 2)[1].Status, "FAILED")
}
