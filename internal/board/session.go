package board

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/legivellum/metagate/gen/model"
)

// A session is a cookie with the credential, and nothing on the server: any replica
// knows it, and a key that is revoked is refused by the next request.
const (
	cookieName    = "metagate_board"
	sessionLasts  = 8 * time.Hour
	longestCookie = 3800 // browsers keep 4096 bytes with the name and the attributes
)

func (b *Board) cookie(r *http.Request, value string, lasts time.Duration) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure where the browser speaks https: over plain HTTP it would never come back
		Name: cookieName, Value: value, Path: "/board", MaxAge: int(lasts.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: b.Secure(r),
	}
}

// credential is what the session has; empty without one.
func credential(r *http.Request) string {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return ""
	}
	b, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || !printable(string(b)) {
		return ""
	}
	return string(b)
}

// printable is what a header field takes.
func printable(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// loginView is the form.
type loginView struct{ Next, Error string }

func (b *Board) loginForm(w http.ResponseWriter, r *http.Request) {
	b.render(w, r, http.StatusOK, view{Page: "login", Title: "Sign in", Data: loginView{Next: r.URL.Query().Get("next")}})
}

func (b *Board) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	shown := strings.TrimSpace(r.PostFormValue("credential"))
	if rest, ok := strings.CutPrefix(shown, "Bearer "); ok {
		shown = strings.TrimSpace(rest)
	}
	next := r.PostFormValue("next")
	again := func(status int, why string) {
		b.render(w, r, status, view{Page: "login", Title: "Sign in", Data: loginView{Next: next, Error: why}})
	}
	value := base64.RawURLEncoding.EncodeToString([]byte(shown))
	switch {
	case !printable(shown):
		again(http.StatusBadRequest, "Paste an admin's API key or JWT.")
		return
	case len(value) > longestCookie:
		again(http.StatusBadRequest, "This token is too long for a browser's cookie: use an API key.")
		return
	}
	one := model.Limit(1)
	if _, err := got(b.as(r, shown).ListPrincipalsWithResponse(r.Context(), &model.ListPrincipalsParams{Limit: &one})); err != nil {
		if statusOf(err) == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		again(statusOf(err), b.says(err))
		return
	}
	http.SetCookie(w, b.cookie(r, value, sessionLasts))
	http.Redirect(w, r, local(next), http.StatusSeeOther) //nolint:gosec // local lets no other site through
}

// local is a page of the board: a link in a mail may lead to the form, but not through it to another site.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, Path) || strings.Contains(next, `\`) {
		return Path
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String()
}

func (b *Board) logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, b.cookie(r, "", -time.Second))
	http.Redirect(w, r, Path+"login", http.StatusSeeOther)
}

// toLogin asks who isn't signed in, or no longer, and remembers where it was going.
func (b *Board) toLogin(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, b.cookie(r, "", -time.Second))
	to := Path + "login"
	if r.Method == http.MethodGet && r.URL.Path != Path {
		to += "?next=" + url.QueryEscape(r.URL.RequestURI())
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
