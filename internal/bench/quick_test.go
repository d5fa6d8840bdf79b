package bench

import (
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

func TestQuick(t *testing.T) {
	c, _ := strconv.Atoi(os.Getenv("C"))
	req, err := Request("POST", os.Getenv("U")+"/v1/bootstrap", http.Header{"X-Api-Key": {os.Getenv("K")}, "Content-Type": {"application/json"}}, `{"component_key":"memorygate_main"}`)
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	r, err := Run(t.Context(), Load{URL: os.Getenv("U"), Concurrency: c, Duration: 5 * time.Second, Next: func(int) []byte { return req }, Want: func(s int) bool { return s == 200 }}, &n)
	t.Log(err, int(r.PerSecond()), r.At(50), r.At(99), r.At(99.9), r.Failures)
}
