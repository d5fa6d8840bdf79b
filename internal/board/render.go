package board

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"sync"
	"time"
)

//go:embed pages
var pageFiles embed.FS

// templates are one set for each page, since each defines its own content. All text
// goes through html/template: what components say of themselves is never markup.
var templates = sync.OnceValue(func() map[string]*template.Template { // which each command would wait for else
	layout := template.Must(template.New("layout.html").Funcs(funcs).ParseFS(pageFiles, "pages/layout.html", "pages/parts.html"))
	out := map[string]*template.Template{}
	for _, name := range []string{"now", "startup", "outcomes", "changes", "blast", "login", "error"} {
		out[name] = template.Must(template.Must(layout.Clone()).ParseFS(pageFiles, "pages/"+name+".html"))
	}
	return out
})

var funcs = template.FuncMap{
	"ago": ago, "seconds": seconds, "rfc3339": func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
	"clock":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" },
	"short":    func(s string) string { return s[:min(8, len(s))] },
	"since":    func(now, t time.Time) string { return span(max(0, now.Sub(t))) },
	"left":     func(now, t time.Time) float64 { return max(0, t.Sub(now).Seconds()) },
	"leftText": func(now, t time.Time) string { return span(max(0, t.Sub(now))) },
	"dash":     orDash,
}

// view is a page.
type view struct {
	Page, Title string
	Tenant      string // that is looked at; empty is all that the caller may see
	SignedIn    bool
	Live        bool // is replaced when something has happened
	Now         time.Time
	Data        any
}

// formBytes is what a form may have beside a world.
const formBytes = 64 << 10

// handler makes a page, as who looks. A nil view has been answered already.
type handler func(w http.ResponseWriter, r *http.Request, as api) (*view, error)

// page serves a page to who is signed in.
func (b *Board) page(of handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		shown := credential(r)
		if shown == "" {
			b.toLogin(w, r)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, b.MaxBodyBytes+formBytes)
		v, err := of(w, r, b.as(r, shown))
		switch {
		case err != nil && statusOf(err) == http.StatusUnauthorized:
			b.toLogin(w, r)
		case err != nil:
			b.fails(w, r, statusOf(err), b.says(err))
		case v != nil:
			v.SignedIn = true
			b.render(w, r, http.StatusOK, *v)
		}
	}
}

// says is what whoever looks may know of an error.
func (b *Board) says(err error) string {
	if no, ok := errors.AsType[refused](err); ok {
		return no.Detail
	}
	b.Log.Error("the board could not ask the API", "error", err)
	return "The board could not ask the API: the log says why."
}

func (b *Board) fails(w http.ResponseWriter, r *http.Request, status int, why string) {
	b.render(w, r, status, view{Page: "error", Title: http.StatusText(status), SignedIn: credential(r) != "", Data: why})
}

func (b *Board) render(w http.ResponseWriter, r *http.Request, status int, v view) {
	v.Now, v.Tenant = b.Now(), r.URL.Query().Get("tenant") // and not of a body, which nobody may have bounded
	var page bytes.Buffer
	if err := templates()[v.Page].Execute(&page, v); err != nil {
		b.Log.ErrorContext(r.Context(), "a page of the board can't be rendered", "page", v.Page, "error", err)
		http.Error(w, "This page can't be shown: the log says why.", http.StatusInternalServerError)
		return
	}
	send(w, r, status, page.Bytes())
}

// ago is how long before now something was, in its largest unit.
func ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case d < 0:
		return "in " + span(-d)
	case d < time.Second:
		return "now"
	}
	return span(d) + " ago"
}

func span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}

// seconds is a time to ready.
func seconds(s float64) string {
	switch {
	case s < 1:
		return fmt.Sprintf("%.0f ms", s*1000)
	case s < 10:
		return fmt.Sprintf("%.1f s", s)
	}
	return span(time.Duration(s * float64(time.Second)))
}

// orDash is text that may be missing.
func orDash(s string) string { return cmp.Or(s, "–") }
