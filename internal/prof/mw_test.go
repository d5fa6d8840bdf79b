package prof

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/apptest"
	"github.com/legivellum/metagate/internal/auth"
	"github.com/legivellum/metagate/internal/server"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/witness"
)

type nullWriter struct{ h http.Header }

func (n *nullWriter) Header() http.Header         { return n.h }
func (n *nullWriter) Write(p []byte) (int, error) { return len(p), nil }
func (n *nullWriter) WriteHeader(int)             {}

func BenchmarkMW(b *testing.B) {
	url := "sqlite:" + b.TempDir() + "/x.db"
	if err := apptest.Migrate(b.Context(), url); err != nil {
		b.Fatal(err)
	}
	st, _ := store.Open(b.Context(), url)
	ad := &admin.Service{Store: st, Now: store.Now, DefaultSLA: 120}
	p, err := ad.SeedDemo(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	key, _ := ad.ReissueKey(b.Context(), p, "x")
	v, _ := auth.NewVerifier(auth.JWTConfig{})
	h, err := server.New(server.Options{Store: st, Admin: ad, Verifier: v, LastUsed: &server.LastUsed{Store: st, Now: store.Now}, Metrics: server.NewMetrics(st),
		Log: slog.New(slog.NewJSONHandler(io.Discard, nil)), Now: store.Now, APIKeyHeader: "X-API-Key", MaxBodyBytes: 1 << 20, CacheBytes: 1 << 20,
		Witness: witness.New(witness.Options{Store: st, Now: store.Now, CacheBytes: 1 << 20, MaxInFlight: 1000})})
	if err != nil {
		b.Fatal(err)
	}
	run := func(method, path, body string, want int) func(b *testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, _ := http.NewRequest(method, "http://x"+path, bytes.NewReader([]byte(body)))
				r.RemoteAddr = "1.1.1.1:1"
				r.Header.Set("X-Api-Key", key)
				r.Header.Set("Content-Type", "application/json")
				h.ServeHTTP(&nullWriter{http.Header{}}, r)
			}
		}
	}
	b.Run("health", run("GET", "/health", "", 200))
	b.Run("bootstrap-mismatch", run("POST", "/v1/bootstrap", `{"component_key":"memorygate_main","principal_key":"nope"}`, 409))
	b.Run("bootstrap", run("POST", "/v1/bootstrap", `{"component_key":"memorygate_main"}`, 200))
}
