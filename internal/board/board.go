// Package board is what an operator sees of MetaGate in a browser, at /board/: pages
// that the server renders, and a script that keeps them as they are now. It is a
// client of the API in the API's own process: whoever looks is asked for a credential,
// and sees and changes what the API lets that credential see and change.
package board

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// Path is where the board is served.
const Path = "/board/"

// Options are what a board is made of.
type Options struct {
	API          http.Handler             // answers /v1/...
	APIKeyHeader string                   // that the API reads keys from
	MaxBodyBytes int64                    // of a world that is pasted
	Secure       func(*http.Request) bool // the browser speaks https
	// Position differs when something has happened since it was told last. It is asked
	// twice a second while somebody looks, by one for all who do.
	Position func(context.Context) (string, error)
	Now      func() time.Time
	Log      *slog.Logger
}

// Board is an http.Handler of all below [Path]. Methods are safe for concurrent use.
type Board struct {
	Options
	handler http.Handler
	live    live
	rosters rosters
	touched touched
}

// New returns a board; Run has to run beside it.
func New(o Options) *Board {
	b := &Board{Options: o}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /board", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, Path, http.StatusPermanentRedirect) })
	mux.HandleFunc("GET /board/{$}", b.page(b.now))
	mux.HandleFunc("GET /board/startups/{id}", b.page(b.startup))
	mux.HandleFunc("POST /board/startups/{id}/acknowledge", b.page(b.acknowledge))
	mux.HandleFunc("GET /board/outcomes", b.page(b.outcomes))
	mux.HandleFunc("GET /board/changes", b.page(b.changes))
	mux.HandleFunc("GET /board/blast", b.page(b.blast))
	mux.HandleFunc("POST /board/blast", b.page(b.blast))
	mux.HandleFunc("GET /board/live", b.stream)
	mux.HandleFunc("GET /board/login", b.loginForm)
	mux.HandleFunc("POST /board/login", b.login)
	mux.HandleFunc("POST /board/logout", b.logout)
	mux.HandleFunc("GET /board/static/{file}", static)
	mux.HandleFunc("/board/", func(w http.ResponseWriter, r *http.Request) {
		b.fails(w, r, http.StatusNotFound, "There is no such page.")
	})
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.fails(w, r, http.StatusForbidden, "Another site's page sent this.")
	}))
	b.handler = crossOrigin.Handler(mux)
	return b
}

// Over serves the board at its path, and everything else by next.
func (b *Board) Over(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, Path) || r.URL.Path+"/" == Path {
			b.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// headers hold for every answer: no script but the board's own, no markup from text
// (Trusted Types without a policy), no frame, no other site.
var headers = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; " +
		"base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'; trusted-types 'none'",
	"X-Content-Type-Options":     "nosniff",
	"X-Frame-Options":            "DENY",
	"Referrer-Policy":            "same-origin", // without one a form's Origin would be null
	"Cross-Origin-Opener-Policy": "same-origin",
	"Permissions-Policy":         "camera=(), geolocation=(), microphone=()",
	"Cache-Control":              "no-store",
}

// ServeHTTP implements http.Handler.
func (b *Board) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range headers {
		w.Header().Set(name, value)
	}
	b.handler.ServeHTTP(w, r)
}

//go:embed static
var files embed.FS

// static serves the style sheet and the script, which browsers ask again for.
func static(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	body, err := files.ReadFile("static/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(body)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
}

// send writes a page, compressed where the browser takes that: no secret is in one.
func send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "Accept-Encoding")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.WriteHeader(status)
		_, _ = w.Write(body) // the browser is gone when this fails
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
	_, _ = z.Write(body)
	_ = z.Close()
}
