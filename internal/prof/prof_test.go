package prof

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/apptest"
	"github.com/legivellum/metagate/internal/bench"
)

func TestProf(t *testing.T) {
	c := apptest.Config(t, os.Getenv("DATABASE_URL"))
	a, err := app.Start(t.Context(), c, app.Build{}, slog.New(slog.NewJSONHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	d, err := a.Demo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	req, _ := bench.Request("POST", a.URL+"/v1/bootstrap", http.Header{"X-Api-Key": {d.APIKey}, "Content-Type": {"application/json"}}, `{"component_key":"memorygate_main"}`)
	var n atomic.Int64
	r, err := bench.Run(t.Context(), bench.Load{URL: a.URL, Concurrency: 64, Duration: 6 * time.Second, Next: func(int) []byte { return req }, Want: func(s int) bool { return s == 200 }}, &n)
	t.Log(err, int(r.PerSecond()), r.At(99), r.Failures)
}
