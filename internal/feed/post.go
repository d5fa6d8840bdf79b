package feed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// verdict is what a webhook says of an event.
type verdict struct {
	err   error         // nil: it has taken it
	final bool          // the same event would be refused again
	gone  bool          // nobody is to be told there any more
	after time.Duration // not to be asked before
}

// finalStatus are those that are about the event: another attempt would meet the same.
// What is about the endpoint, its credentials or its address, may be mended.
var finalStatus = map[int]bool{
	http.StatusBadRequest: true, http.StatusRequestEntityTooLarge: true, http.StatusUnsupportedMediaType: true, http.StatusUnprocessableEntity: true,
}

// longestWait is how long a webhook may ask for patience.
const longestWait = 24 * time.Hour

// post sends an event, signed by Standard Webhooks.
func (w *Webhook) post(ctx context.Context, e cloudEvent) verdict {
	body, err := json.Marshal(e)
	if err != nil {
		return verdict{err: err, final: true}
	}
	keys, err := w.config.keys()
	if err != nil {
		return verdict{err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.config.URL, bytes.NewReader(body))
	if err != nil {
		return verdict{err: err}
	}
	at, id := w.now(), e.ID.String()
	req.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	req.Header.Set("User-Agent", "MetaGate")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	req.Header.Set("Webhook-Signature", signatures(keys, id, at, body))
	res, err := w.http.Do(req)
	if err != nil {
		return verdict{err: err}
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	return judge(res, at)
}

func judge(res *http.Response, now time.Time) verdict {
	v := verdict{err: errors.New("it answers " + res.Status), final: finalStatus[res.StatusCode], gone: res.StatusCode == http.StatusGone}
	switch code := res.StatusCode; {
	case code/100 == 2:
		return verdict{}
	case code/100 == 3:
		v.err = fmt.Errorf("it answers %s: redirects are not followed, write the address it leads to", res.Status)
	}
	if after := res.Header.Get("Retry-After"); after != "" {
		if seconds, err := strconv.Atoi(after); err == nil {
			v.after = time.Duration(min(max(seconds, 0), int(longestWait/time.Second))) * time.Second
		} else if at, err := http.ParseTime(after); err == nil {
			v.after = min(max(at.Sub(now), 0), longestWait)
		}
	}
	return v
}
