package load

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
)

// Opened are the startups that a load opened and nobody has reported yet, as far
// as their ids were answered.
type Opened struct{ ids [][]string } // by connection, so that none waits for another

// NewOpened has room for what so many connections open.
func NewOpened(connections int) *Opened { return &Opened{make([][]string, connections)} }

// Len is how many there are.
func (o *Opened) Len() (n int) {
	for _, ids := range o.ids {
		n += len(ids)
	}
	return n
}

func (o *Opened) keeping(want func(int, *http.Response, []byte) bool) func(int, *http.Response, []byte) bool {
	return func(i int, r *http.Response, body []byte) bool {
		if id := r.Header.Get("Metagate-Startup-Id"); id != "" {
			o.ids[i] = append(o.ids[i], id)
		}
		return want(i, r, body)
	}
}

// Ready reports each startup READY, once, over the connections that t has, and
// takes it out.
func (o *Opened) Ready(ctx context.Context, t Target, sent *atomic.Int64) (Result, error) {
	t.Opened, t.Duration = nil, 0 // until all are reported
	return Run(ctx, t.load(func(i int) []byte {
		if len(o.ids[i]) == 0 {
			return nil
		}
		id := o.ids[i][0]
		o.ids[i] = o.ids[i][1:]
		report, _ := t.request("/v1/startup/ready", t.APIKey, nil, fmt.Sprintf(`{"startup_id":%q,"build_version":"1.0.0"}`, id)) // Run has parsed the URL
		return report
	}, status(http.StatusOK)), sent)
}
