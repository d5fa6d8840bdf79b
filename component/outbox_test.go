package component_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/legivellum/metagate/component"
)

// failedAway fails once without MetaGate, and its process ends before it is back.
func failedAway(t *testing.T, c component.Config, tl *timeline, reason string, details any) *component.Startup {
	t.Helper()
	c.HTTPClient = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("away") })}
	s, err := component.Start(t.Context(), component.WithClock(c, tl.now, tl.sleepThenStop(t), half))
	noError(t, err)
	noError(t, s.FailedWith(t.Context(), errors.New(reason), details))
	return s
}

// left are the files that remain of starts without MetaGate, once there are n.
func left(t *testing.T, c component.Config, n int) []string {
	t.Helper()
	for {
		if files, _ := filepath.Glob(file(c, "starts-*/*")); len(files) == n {
			return files
		}
		select {
		case <-t.Context().Done():
			t.Fatal("they stay")
		case <-time.After(time.Millisecond):
		}
	}
}

// came starts and ends, and has told of others by then.
func came(t *testing.T, c component.Config) {
	t.Helper()
	s := start(t, c)
	noError(t, s.Ready(t.Context()))
	noError(t, s.Close())
}

func TestAStartWithoutMetaGateIsToldOfWithoutU0000(t *testing.T) {
	t.Parallel()
	server, c, tl := began(t)
	failedAway(t, c, tl, "x", map[string]string{"stderr\x00": "a\x00b"})
	failedAway(t, c, tl, "x", map[string]string{"of before": "a\x01b"})
	for _, name := range left(t, c, 2) { // as an older version kept it
		text, err := os.ReadFile(name)
		noError(t, err)
		noError(t, os.WriteFile(name, bytes.ReplaceAll(text, []byte(`\u0001`), []byte(`\u0000`)), 0o600))
	}
	server.SetAway(false)
	came(t, c)
	var got []string
	for _, s := range told(t, server, c, 4) {
		if s.Source == component.SourceCache {
			got = append(got, string(s.Details))
		}
	}
	equal(t, len(got), 2)
	says(t, fmt.Sprint(got), "{\"stderr\uFFFD\":\"a\uFFFDb\"}", "{\"of before\":\"a\uFFFDb\"}")
}

func TestManyLargeStartsAreToldInRequestsThatMetaGateTakes(t *testing.T) {
	t.Parallel()
	server, c, tl := began(t)
	stderr := strings.Repeat("\x1b[31mboom\x1b[0m ", 1500) // 40 KiB of JSON
	for range 40 {
		failedAway(t, c, tl, "x", map[string]string{"stderr": stderr})
	}
	server.SetAway(false)
	came(t, c)
	equal(t, len(told(t, server, c, 42)), 42)
	requests := 0
	for _, r := range server.Requests() {
		if r.Path == "/v1/startup/backfill" {
			requests++
			if len(r.Body) > 600<<10 {
				t.Error(len(r.Body))
			}
		}
	}
	if requests > 10 {
		t.Error(requests)
	}
}

// picky is a transport to a MetaGate that refuses to be told of whatever says poison.
func picky(status int, code string) *http.Client {
	return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/v1/startup/backfill" {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			if bytes.Contains(body, []byte("poison")) {
				return answered(r, status, code), nil
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		return http.DefaultTransport.RoundTrip(r)
	})}
}

func TestAStartThatMetaGateDoesNotTakeKeepsNoOtherBack(t *testing.T) {
	t.Parallel()
	for code, status := range map[string]int{"INVALID_REQUEST": 400, "PAYLOAD_TOO_LARGE": 413} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			server, c, tl := began(t)
			for range 5 {
				failedAway(t, c, tl, "x", nil)
			}
			cut := failedAway(t, c, tl, "x", "poison")
			never := failedAway(t, c, tl, "poison", "x")
			server.SetAway(false)
			var log logged
			c.HTTPClient, c.Logger = picky(status, code), log.logger()
			came(t, c)
			names := left(t, c, 1)
			equal(t, filepath.Base(names[0]), never.ID()+".json.refused")
			says(t, log.String(), names[0], code)
			all := server.Startups()
			equal(t, len(all), 8) // two live, and six of seven
			truncated := 0
			for _, s := range all {
				if s.ID == cut.ID() {
					equal(t, s.Status+s.Error+string(s.Details), `FAILEDx{"truncated":true}`)
					truncated++
				}
			}
			equal(t, truncated, 1)

			asked := len(server.Requests())
			came(t, c)
			equal(t, len(server.Requests()), asked+2) // it isn't told again
			left(t, c, 1)
		})
	}
}

func TestAStrangersRefusalSetsNoStartAside(t *testing.T) {
	t.Parallel()
	server, c, tl := began(t)
	failedAway(t, c, tl, "poison", nil)
	server.SetAway(false)
	c.HTTPClient = picky(http.StatusBadRequest, "")
	came(t, c)
	equal(t, strings.HasSuffix(left(t, c, 1)[0], ".json"), true)
	c.HTTPClient = nil
	came(t, c)
	var sources []string
	for _, s := range told(t, server, c, 4) {
		sources = append(sources, s.Source)
	}
	says(t, fmt.Sprint(sources), component.SourceCache)
}
