package component

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"time"
)

// aside is what the name of a file ends with that MetaGate doesn't take: it is for people.
const aside = ".refused"

// letter is a start to tell of.
type letter struct {
	name string          // its file's
	text []byte          // as it is there
	says json.RawMessage // as it is told
}

// together is how many of the letters one request has room for; one at least.
func together(all []letter) int {
	size := 0
	for i, l := range all {
		if size += len(l.says) + 1; i == maxBackfill || i > 0 && size > maxBackfillBytes {
			return i
		}
	}
	return len(all)
}

// deliver tells of starts. Where MetaGate takes no such request it tells of the halves, so
// that the one which it doesn't take keeps nothing back: that one without its details, or not at all.
func (o *outbox) deliver(ctx context.Context, letters []letter, budget time.Duration) error {
	err := o.send(ctx, letters, budget)
	if err == nil || !untakable(err) {
		return err
	}
	if n := len(letters) / 2; n > 0 {
		if err := o.deliver(ctx, letters[:n], budget); err != nil {
			return err
		}
		return o.deliver(ctx, letters[n:], budget)
	}
	if less, ok := letters[0].truncate(); ok {
		return o.deliver(ctx, []letter{less}, budget)
	}
	o.c.Logger.WarnContext(ctx, "MetaGate takes no account of a start without it", "file", letters[0].name+aside, "error", err)
	o.done(letters[0], func(name string) error { return os.Rename(name, name+aside) })
	return nil
}

// untakable reports whether a request is refused for what is in it. A 400 that is no
// problem document is of somebody else, and would be for any request.
func untakable(err error) bool {
	p := (*Problem)(nil)
	return errors.As(err, &p) && (p.Status == http.StatusRequestEntityTooLarge || p.Status == http.StatusBadRequest && p.Code != "")
}

// truncate is the letter without details and health; not ok where it has none.
func (l letter) truncate() (less letter, ok bool) {
	members := object(l.says)
	for _, name := range []string{"details", "health"} {
		if extra, there := members[name]; there && string(extra) != string(truncated) {
			members[name], ok = truncated, true
		}
	}
	if !ok {
		return l, false
	}
	says, err := json.Marshal(members)
	return letter{l.name, l.text, says}, err == nil
}
