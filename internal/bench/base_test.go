package bench

import (
	"bytes"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

func TestBase(t *testing.T) {
	c, _ := strconv.Atoi(os.Getenv("C"))
	r, err := SingleRowCommits(t.Context(), os.Getenv("DATABASE_URL"), c, 4*time.Second)
	t.Log("commits", int(r), err)
	u, stop, err := BareHTTP(bytes.Repeat([]byte("x"), 1100))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	req, _ := Request("POST", u+"/v1/bootstrap", http.Header{"X-Api-Key": {"mgk_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}, "Content-Type": {"application/json"}}, `{"component_key":"memorygate_main"}`)
	var n atomic.Int64
	x, err := Run(t.Context(), Load{URL: u, Concurrency: c, Duration: 4 * time.Second, Next: func(int) []byte { return req }, Want: func(s int) bool { return s == 200 }}, &n)
	t.Log("bare", int(x.PerSecond()), x.At(99), err, x.Failures)
}
