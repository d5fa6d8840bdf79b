package cli

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"
)

type getCmd struct {
	remote
	Kind kind   `arg:"" enum:"principals,profiles,manifests,bindings,secret-refs,validators,api-keys" help:"principals, profiles, manifests, bindings, secret-refs, validators or api-keys; one of them in the singular will do."`
	Key  string `arg:"" optional:"" help:"Only the one with this key or id; a binding has the key of its principal, an API key its name."`
	paging
}

func (c *getCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	return kinds(m)[c.Kind].get(ctx, c, m, s)
}

// resource is how one kind of resource is asked for and shown.
type resource[T any] struct {
	header []string
	// row shows one of them.
	row func(ctx context.Context, n *names, r T) (colour string, cells []string)
	// list asks for a page of all, or of those that may have the key.
	list func(ctx context.Context, key string, limit *int64, cursor *string) (*http.Response, error)
	byID func(ctx context.Context, id uuid.UUID) (*http.Response, error)
	// is tells which of those that may have the key do; nil where the server tells.
	is func(r T, key string) bool
	// names is whether rows name principals.
	names bool
}

// getter is a resource of any kind.
type getter interface {
	get(ctx context.Context, c *getCmd, m *server, s streams) error
}

func (k resource[T]) get(ctx context.Context, c *getCmd, m *server, s streams) error {
	if c.Key != "" {
		return k.one(ctx, c, m, s)
	}
	get := func(ctx context.Context, limit *int64, cursor *string) (*http.Response, error) {
		return k.list(ctx, "", limit, cursor)
	}
	return k.show(ctx, m, s, c.paging, get)
}

// print prints a list of them.
func (k resource[T]) show(ctx context.Context, m *server, s streams, p paging, get fetch) error {
	n, t := &names{server: m}, newTable(s.out, k.header...)
	if k.names && p.All && m.Output == "text" {
		if err := n.learn(ctx); err != nil {
			return err
		}
	}
	return printList(ctx, m, s.out, p, get, t, func(r T) error {
		colour, cells := k.row(ctx, n, r)
		t.row(colour, cells...)
		return nil
	})
}

func (k resource[T]) one(ctx context.Context, c *getCmd, m *server, s streams) error {
	r, err := k.find(ctx, m, string(c.Kind), c.Key)
	if err != nil {
		return err
	}
	if c.Output != "text" {
		return encode(s.out, c.Output, r)
	}
	t := newTable(s.out, k.header...)
	colour, cells := k.row(ctx, &names{server: m}, r)
	t.row(colour, cells...)
	return t.flush()
}

func (k resource[T]) find(ctx context.Context, m *server, kind, key string) (T, error) {
	if id, err := uuid.Parse(key); err == nil {
		return answer[T](m, func() (*http.Response, error) { return k.byID(ctx, id) })
	}
	var found []T
	_, err := eachPage(ctx, m, paging{All: true}, func(ctx context.Context, limit *int64, cursor *string) (*http.Response, error) {
		return k.list(ctx, key, limit, cursor)
	}, func(page []T) error {
		for _, r := range page {
			if k.is == nil || k.is(r, key) {
				found = append(found, r)
			}
		}
		return nil
	})
	switch {
	case err != nil:
	case len(found) == 0:
		err = coded{fmt.Errorf("none of the %s has the key %q", kind, key), exitRefused}
	case len(found) > 1:
		err = coded{fmt.Errorf("%d of the %s have the key %q: name the id of one", len(found), kind, key), exitUsage}
	default:
		return found[0], nil
	}
	var none T
	return none, err
}
