package load

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// pages calls get with the cursor of each page until there is none.
func pages(ctx context.Context, get func(cursor *string) (*http.Response, []byte, error)) error {
	var cursor *string
	for ctx.Err() == nil {
		answer, body, err := get(cursor)
		if err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("the server refuses: %s", body)
		}
		link, _, more := strings.Cut(strings.TrimPrefix(answer.Header.Get("Link"), "<"), ">")
		if !more {
			return nil
		}
		u, err := url.Parse(link)
		if err != nil {
			return err
		}
		cursor = new(u.Query().Get("cursor"))
	}
	return ctx.Err()
}
