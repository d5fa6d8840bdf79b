package app_test

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestTheBoardShowsNothingToWhoIsNotSignedIn(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		mesh, started := onBoard(t, a)
		b := newBoardBrowser(t, a)
		id := started["memorygate"].String()
		for _, path := range []string{"/board/", "/board/startups/" + id, "/board/outcomes", "/board/changes", "/board/blast"} {
			p := b.get(path)
			require.Equal(t, http.StatusSeeOther, p.Status, path)
			require.True(t, strings.HasPrefix(p.Get("Location"), "/board/login"), p.Get("Location"))
			require.NotContains(t, p.Text, "memorygate")
		}
		require.Equal(t, "/board/login?next=%2Fboard%2Fchanges%3Ftenant%3Ddefault", b.get("/board/changes?tenant=default").Get("Location"))
		require.Equal(t, http.StatusSeeOther, b.post("/board/startups/"+id+"/acknowledge", url.Values{"reason": {"x"}}).Status)
		require.Equal(t, http.StatusSeeOther, b.paste("tenant_key: default").Status)
		require.Equal(t, http.StatusUnauthorized, b.get("/board/live").Status)

		for credential, want := range map[string]int{
			"":          http.StatusBadRequest,
			"two words": http.StatusBadRequest,
			"ümlaut":    http.StatusBadRequest,
			"eyJ." + strings.Repeat("a", 3000) + ".b": http.StatusBadRequest,
			"mgk_nobody-has-this-key-0123456789":      http.StatusUnauthorized,
			"eyJhbGciOiJub25lIn0.e30.":                http.StatusUnauthorized,
			mesh.APIKeys["memorygate"]:                http.StatusForbidden, // a component
		} {
			p := b.post("/board/login", url.Values{"credential": {credential}})
			require.Equal(t, want, p.Status, credential)
			require.Contains(t, p.Text, `role="alert"`)
			require.Empty(t, p.Values("Set-Cookie"))
			if len(credential) > 9 {
				require.NotContains(t, p.Text, credential)
			}
		}
		require.Equal(t, http.StatusSeeOther, b.get("/board/").Status)
	})
}

func TestASessionIsACookieForTheBoardAloneAndEndsWithItsKey(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := a.AdminClient(t)
		boss := apptest.Got(admin.GetPrincipalWithResponse(t.Context(), "key:admin")).Is(t, 200).JSON200
		key := apptest.Got(admin.CreateAPIKeyWithResponse(t.Context(), nil, model.APIKeyCreate{PrincipalID: boss.ID.String(), Name: "board"})).Is(t, 201).JSON201

		b := newBoardBrowser(t, a)
		p := b.post("/board/login", url.Values{"credential": {key.APIKey}, "next": {"/board/changes?tenant=default"}})
		require.Equal(t, "/board/changes?tenant=default", p.Get("Location"))
		cookie := p.Get("Set-Cookie")
		for _, attribute := range []string{"Path=/board;", "HttpOnly", "SameSite=Strict", "Max-Age=28800"} {
			require.Contains(t, cookie, attribute)
		}
		require.NotContains(t, cookie, "Secure", "this is plain HTTP")
		for _, next := range []string{"https://evil.example/board/", "//evil.example/board/", `/\evil.example`, "/board/../docs/x\\", "javascript:alert(1)", "/docs/"} {
			to := newBoardBrowser(t, a).post("/board/login", url.Values{"credential": {key.APIKey}, "next": {next}}).Get("Location")
			require.Equal(t, "/board/", to, next)
		}
		b.shows("/board/")
		apptest.Got(admin.RevokeAPIKeyWithResponse(t.Context(), key.ID, nil)).Is(t, 204)
		require.Equal(t, "/board/login", b.get("/board/").Get("Location"), "a revoked key is refused at once")

		jwt, err := identity.Sign(apptest.JWTSecret, identity.DefaultAlgorithm, "admin", time.Hour, "", "", time.Now())
		require.NoError(t, err)
		b = signedIn(t, a, "Bearer "+jwt)
		b.shows("/board/")
		require.Equal(t, "/board/login", b.post("/board/logout", nil).Get("Location"))
		require.Equal(t, http.StatusSeeOther, b.get("/board/").Status)
	})
}

func TestGuessesAtTheBoardsLoginCostWhatOthersDo(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		b := newBoardBrowser(t, a)
		var last boardPage
		for i := range 50 { // each second allows one more
			last = b.post("/board/login", url.Values{"credential": {"mgk_guess-" + strings.Repeat("x", 30+i)}})
			if last.Status != http.StatusUnauthorized {
				require.GreaterOrEqual(t, i, 5)
				break
			}
		}
		require.Equal(t, http.StatusTooManyRequests, last.Status)
		require.Equal(t, "1", last.Get("Retry-After"))
		told := 0
		for range 10 {
			if (wire{a, "mgk_guess-at-the-api-0123456789"}).knock(t).Status == http.StatusTooManyRequests {
				told++
			}
		}
		require.Greater(t, told, 5, "the API counts what the board does")
		signedIn(t, a, apptest.AdminKey)
	}, func(c *app.Config) { c.AuthFailureBurst = 5 })
}

func TestACookieIsSecureWhereTheBrowserSpeaksHTTPS(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, testdb.SQLite(t), func(c *app.Config) { c.TrustedProxies = []string{"127.0.0.1"} })
	b := newBoardBrowser(t, a)
	for header, secure := range map[string]bool{"https": true, "http": false, "http, https": true, "https, http": false} {
		p := b.post("/board/login", url.Values{"credential": {apptest.AdminKey}}, "X-Forwarded-Proto", header)
		require.Equal(t, secure, strings.Contains(p.Get("Set-Cookie"), "Secure"), header)
	}
}

func TestAnotherSitesPageCanWriteNothingThroughTheBoard(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		b := signedIn(t, a, apptest.AdminKey)
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
			for _, path := range []string{"/board/login", "/board/logout", "/board/blast", "/board/startups/x/acknowledge"} {
				require.Equal(t, http.StatusForbidden, b.post(path, url.Values{"credential": {apptest.AdminKey}}, header...).Status, "%s %s", header, path)
			}
		}
		b.shows("/board/")
	})
}

func TestEachAnswerOfTheBoardForbidsWhatThePagesDoNotNeed(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, testdb.SQLite(t))
	b := signedIn(t, a, apptest.AdminKey)
	for path, status := range map[string]int{
		"/board/": 200, "/board/login": 200, "/board/outcomes": 200, "/board/changes": 200, "/board/blast": 200, "/board/nothing": 404,
		"/board/startups/x": 404, "/board/startups/0192d6b0-6f3a-7c12-8e7f-0a1b2c3d4e5f": 404, "/board/static/board.js": 200, "/board/static/nothing": 404, "/board": 308,
	} {
		p := b.get(path)
		require.Equal(t, status, p.Status, path)
		csp := p.Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'none';", "script-src 'self';", "style-src 'self';", "require-trusted-types-for 'script'", "trusted-types 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			require.Contains(t, csp, rule, path)
		}
		require.NotContains(t, csp, "unsafe", path)
		require.Equal(t, "nosniff", p.Get("X-Content-Type-Options"))
		if strings.HasPrefix(p.Get("Content-Type"), "text/html") && status == 200 {
			require.Equal(t, "no-store", p.Get("Cache-Control"), path)
			require.NotRegexp(t, `<script>|\son\w+=|style=|https?://`, strings.ReplaceAll(p.Text, "http://www.w3.org", ""), "%s has something inline, or from elsewhere", path)
		}
	}
}

func TestTheBoardCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, testdb.SQLite(t), func(c *app.Config) { c.Board = false })
	require.Equal(t, http.StatusNotFound, newBoardBrowser(t, a).get("/board/login").Status)
}

func TestTheBoardsStreamTellsThatAStartupHasHappened(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		mesh, _ := onBoard(t, a)
		b := signedIn(t, a, apptest.AdminKey)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL+"/board/live", nil)
		require.NoError(t, err)
		resp, err := b.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
		events := bufio.NewScanner(resp.Body)
		changed := func() {
			for events.Scan() {
				if events.Text() == "data: changed" {
					return
				}
			}
			require.NoError(t, events.Err(), "the stream has ended")
			require.Fail(t, "the stream has ended")
		}
		changed() // the first look
		apptest.Got(a.Client(t, mesh.APIKeys["interview"]).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "interview"})).Is(t, 200)
		changed()
		require.Contains(t, b.shows("/board/?state=OPEN"), ">interview</a>")
		apptest.Got(a.AdminClient(t).CreatePrincipalWithResponse(t.Context(), nil, model.PrincipalCreate{PrincipalKey: "new", AuthSubject: "new"})).Is(t, 201)
		changed()
		require.NoError(t, a.Close(), "a stream holds up no shutdown")
		for events.Scan() {
			continue
		}
	})
}
