package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/legivellum/metagate/internal/doc"
)

// paging is how much of a list is wanted.
type paging struct {
	Limit int  `env:"METAGATE_LIMIT" default:"100" help:"How many at most."`
	All   bool `env:"METAGATE_ALL" help:"All of them, however many."`
}

// Validate is called by kong.
func (p paging) Validate() error {
	if p.Limit < 1 {
		return errors.New("--limit must be at least 1; --all is without one")
	}
	return nil
}

const (
	pageSize    = 1000 // the most that a server gives at once
	pageTimeout = time.Minute
)

// fetch asks for one page of a list.
type fetch func(ctx context.Context, limit *int64, cursor *string) (*http.Response, error)

// eachPage follows a list from page to page, as far as p wants. It reports whether
// the server has more.
func eachPage[T any](ctx context.Context, m *server, p paging, get fetch, f func(page []T) error) (more bool, err error) {
	left, cursor := p.Limit, (*string)(nil)
	for {
		size := int64(pageSize)
		if !p.All {
			size = int64(min(pageSize, left))
		}
		page, next, err := onePage[T](ctx, m, get, &size, cursor)
		if err == nil {
			err = f(page)
		}
		if err != nil || next == nil {
			return false, err
		}
		cursor = next
		if left -= len(page); left <= 0 && !p.All {
			return true, nil
		}
	}
}

// onePage is bounded: who watches must notice a server that no longer answers.
func onePage[T any](ctx context.Context, m *server, get fetch, limit *int64, cursor *string) (page []T, next *string, err error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	page, r, err := answerOf[[]T](m, func() (*http.Response, error) { return get(ctx, limit, cursor) })
	if err != nil {
		return nil, nil, err
	}
	return page, nextCursor(r.Header.Get("Link")), nil
}

// nextCursor reads the cursor out of the Link to the next page (RFC 8288).
func nextCursor(link string) *string {
	target, rel, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	u, err := url.Parse(target)
	if err != nil || !strings.Contains(rel, `rel="next"`) {
		return nil
	}
	for _, name := range []string{"cursor", "after"} { // after is that of events
		if q := u.Query(); q.Has(name) {
			return new(q.Get(name))
		}
	}
	return nil
}

// printList prints a list as it comes: a table for people, one array for scripts.
func printList[T any](ctx context.Context, m *server, out io.Writer, p paging, get fetch, t *table, row func(T) error) error {
	array, n := &array{out: out, format: m.Output}, 0
	more, err := eachPage(ctx, m, p, get, func(page []T) error {
		n += len(page)
		if m.Output != "text" {
			return addTo(array, page)
		}
		for _, r := range page {
			if err := row(r); err != nil {
				return err
			}
		}
		return t.flush()
	})
	switch {
	case err != nil:
		return err
	case m.Output != "text":
		return array.end()
	case n == 0:
		fmt.Fprintln(m.log, "none")
	case more:
		fmt.Fprintf(m.log, "%s of more: --all shows them\n", thousands(n))
	}
	return nil
}

// array is a list for scripts, written page by page.
type array struct {
	out    io.Writer
	format string
	n      int
}

func addTo[T any](a *array, page []T) error {
	if len(page) == 0 {
		return nil
	}
	var b bytes.Buffer
	if err := encode(&b, a.format, page); err != nil {
		return err
	}
	text := b.Bytes()
	if a.format == "json" { // the elements between the brackets; a list in YAML has none
		text = bytes.TrimSuffix(bytes.TrimPrefix(text, []byte("[\n")), []byte("\n]\n"))
		separator := "[\n"
		if a.n > 0 {
			separator = ",\n"
		}
		text = append([]byte(separator), text...)
	}
	a.n += len(page)
	_, err := a.out.Write(text)
	return err
}

func (a *array) end() error {
	text := ""
	switch {
	case a.n == 0:
		text = "[]\n"
	case a.format == "json":
		text = "\n]\n"
	}
	_, err := io.WriteString(a.out, text)
	return err
}

// encode writes v for scripts, as json or yaml.
func encode(out io.Writer, format string, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	text := b.Bytes()
	if err == nil && format == "yaml" {
		text, err = doc.JSONToYAML(text)
	}
	if err == nil {
		_, err = out.Write(text)
	}
	return err
}
