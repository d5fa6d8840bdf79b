package component_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/legivellum/metagate/component"
	"github.com/legivellum/metagate/component/componenttest"
)

func TestWithoutASecondPlaceForItAPacketIsVerifiedAllTheSame(t *testing.T) {
	t.Parallel()
	server, c, _ := cached(t)
	blocked := write(t, filepath.Join(t.TempDir(), "a file"), "")
	c.CacheDir = filepath.Join(blocked, "no directory")
	var log logged
	c.Logger = log.logger()
	noError(t, start(t, c).Ready(t.Context()))
	says(t, log.String(), "can't be kept")
	server.SetAway(true)
	_, err := component.Start(t.Context(), c)
	isError(t, err, component.ErrUnavailable)
}

func TestAPacketThatMustNotBeBelievedIsRefusedThoughMetaGateAnswered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*testing.T, *componenttest.Server, *component.Config)
		says   string
	}{
		"an older revision": {func(_ *testing.T, s *componenttest.Server, _ *component.Config) {
			s.SetPacket(`{"profile":"another"}`)
			s.SetRevision(-1)
		}, "any admin write there mends it"},
		"keys that none of before vouches for": {func(_ *testing.T, s *componenttest.Server, _ *component.Config) {
			s.DropKeys()
			s.RotateKey()
		}, "remove "},
		"keys that aren't pinned": {func(t *testing.T, _ *componenttest.Server, c *component.Config) {
			t.Helper()
			c.VerifyKeysFile = write(t, filepath.Join(t.TempDir(), "keys.json"), `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
		}, "isn't known"},
		"unsigned, with pinned keys": {func(t *testing.T, s *componenttest.Server, c *component.Config) {
			t.Helper()
			s.DropKeys()
			c.VerifyKeysFile = write(t, filepath.Join(t.TempDir(), "keys.json"), `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
		}, "isn't signed"},
		"unsigned, after signed ones": {func(_ *testing.T, s *componenttest.Server, _ *component.Config) { s.DropKeys() }, "it isn't signed, and those before were"},
		"no pinned key": {func(t *testing.T, _ *componenttest.Server, c *component.Config) {
			t.Helper()
			c.VerifyKeysFile = write(t, filepath.Join(t.TempDir(), "keys.json"), `{"keys":[]}`)
		}, "METAGATE_VERIFY_KEYS_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, cfg, _ := began(t)
			server.SetAway(false)
			before, err := os.ReadFile(file(cfg, "packet-worker_1.json"))
			noError(t, err)
			c.change(t, server, &cfg)
			_, err = component.Start(t.Context(), cfg)
			if err == nil {
				t.Fatal("it started")
			}
			says(t, err.Error(), c.says)
			all := server.Startups()
			equal(t, all[len(all)-1].Status, "FAILED")
			after, err := os.ReadFile(file(cfg, "packet-worker_1.json"))
			noError(t, err)
			equal(t, string(after), string(before))
		})
	}
}

func TestARotatedKeyIsFollowedAndASecondStartAsksForNoKeys(t *testing.T) {
	t.Parallel()
	server, c, _ := began(t)
	server.SetAway(false)
	asked := func() (n int) {
		for _, r := range server.Requests() {
			if r.Path == "/.well-known/jwks.json" {
				n++
			}
		}
		return n
	}
	equal(t, asked(), 1)
	noError(t, start(t, c).Ready(t.Context()))
	equal(t, asked(), 1)
	server.RotateKey()
	noError(t, start(t, c).Ready(t.Context()))
	equal(t, asked(), 2)
	server.SetAway(true)
	s, err := component.Start(t.Context(), c)
	noError(t, err)
	equal(t, s.Source(), component.SourceCache)
	noError(t, s.Close())
}

// withoutKeys is a transport to a MetaGate whose keys are answered with 503, n times.
func withoutKeys(n int64) *http.Client {
	var left atomic.Int64
	left.Store(n)
	return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/.well-known/jwks.json" && left.Add(-1) >= 0 {
			return answered(r, http.StatusServiceUnavailable, "UNAVAILABLE"), nil
		}
		return http.DefaultTransport.RoundTrip(r)
	})}
}

// answered is a refusal.
func answered(r *http.Request, status int, code string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(`{"code":"` + code + `"}`))}
}

func TestKeysAreAskedForUntilTheyAreAnsweredAndWithoutTheKeyOfWhoAsks(t *testing.T) {
	t.Parallel()
	server, c, _ := cached(t)
	c.HTTPClient = withoutKeys(3)
	noError(t, start(t, c).Ready(t.Context()))
	for _, r := range server.Requests() {
		if r.Path == "/.well-known/jwks.json" {
			equal(t, r.Method+r.Header.Get("X-API-Key")+r.Header.Get("Content-Type"), "GET")
		}
	}
	server.SetAway(true)
	equal(t, start(t, c).Source(), component.SourceCache)
}

func TestKeysAreAskedForAtEachAddress(t *testing.T) {
	t.Parallel()
	server, c, _ := cached(t)
	c.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "first.test" {
			if r.Method == http.MethodGet {
				return answered(r, http.StatusBadGateway, ""), nil
			}
			r = r.Clone(r.Context())
			r.URL.Host = strings.TrimPrefix(server.URL, "http://")
		}
		return http.DefaultTransport.RoundTrip(r)
	})}
	c.Addresses = []string{"http://first.test", server.URL}
	noError(t, start(t, c).Ready(t.Context()))
	_, err := os.Stat(file(c, "packet-worker_1.json"))
	noError(t, err)
}

func TestAFirstStartWhoseKeysCanNotBeHadLeavesNoPacket(t *testing.T) {
	t.Parallel()
	_, c, tl := cached(t)
	var log logged
	c.HTTPClient, c.Logger = withoutKeys(1000), log.logger()
	before := tl.now()
	noError(t, start(t, c).Ready(t.Context()))
	if took := tl.now().Sub(before); took > component.DefaultBudget {
		t.Error(took)
	}
	says(t, log.String(), "the packet is not verified")
	_, err := os.Stat(file(c, "packet-worker_1.json"))
	isError(t, err, os.ErrNotExist)
}

func TestANewKeyThatCanNotBeHadIsNoReasonToDoubtThePacketForGood(t *testing.T) {
	t.Parallel()
	server, c, _ := began(t)
	server.SetAway(false)
	server.RotateKey()
	c.HTTPClient = withoutKeys(1000)
	_, err := component.Start(t.Context(), c)
	isError(t, err, component.ErrUnavailable)
	equal(t, errors.Is(err, component.ErrUnverified), false)
	equal(t, server.Startups()[1].Status, "FAILED")
	c.HTTPClient = nil
	noError(t, start(t, c).Ready(t.Context()))
}

func TestAServerThatSignsNothingLeavesNoPacket(t *testing.T) {
	t.Parallel()
	server, c, _ := cached(t)
	server.DropKeys()
	noError(t, start(t, c).Ready(t.Context()))
	_, err := os.Stat(file(c, "packet-worker_1.json"))
	isError(t, err, os.ErrNotExist)
}

func TestAFileOfACacheIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	_, c, _ := began(t)
	for _, name := range []string{".", "packet-worker_1.json", "seen-worker_1.json"} {
		info, err := os.Stat(file(c, name))
		noError(t, err)
		equal(t, info.Mode().Perm()&0o077, 0)
	}
	text, err := os.ReadFile(file(c, "packet-worker_1.json"))
	noError(t, err)
	if strings.Contains(string(text), c.APIKey) {
		t.Error("the key is in it")
	}
}
