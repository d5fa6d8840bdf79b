package server

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/legivellum/metagate/internal/contract"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
)

const (
	mediaJSON = "application/json"
	mediaYAML = "application/yaml"
)

const (
	// maxComponentBody is a bootstrap's or report's, which needs some hundred bytes.
	maxComponentBody = 64 << 10
	// largeApply is from where on applies take turns: a large one costs many times
	// its size while it is taken apart.
	largeApply = 256 << 10
	// worldDepth is how much deeper a document sits in a world than in a write of its own.
	worldDepth = 2
)

// limit is how large a request's body may be, and what says so.
func (s *Server) limit(r *http.Request, k *call) (limit int64, setting string) {
	switch {
	case k.route.Body == contract.OfWorld:
		return s.ApplyMaxBytes, "APPLY_MAX_BYTES"
	case s.MaxBodyBytes <= maxComponentBody:
	case k.route.Body == contract.OfComponent:
		return maxComponentBody, "as a component's may be"
	case k.route.Body == contract.OfMCP && !s.mayBeLarge(r, k):
		return maxComponentBody, "more needs an admin's credential in a header"
	}
	return s.MaxBodyBytes, "MAX_BODY_BYTES"
}

// readBody takes the body in, within the limit, as JSON text that nobody has looked at
// yet. A large world waits for the one before it; done lets the next one go on.
func (s *Server) readBody(r *http.Request, k *call) (body []byte, done func(), err error) {
	done = func() {}
	if ok, want := k.route.Takes(r.Header); !ok {
		slices.Sort(want)
		return nil, done, errs.New(errs.UnsupportedMediaType, "send Content-Type: %s", strings.Join(want, " or "))
	}
	world := k.route.Body == contract.OfWorld
	limit, setting := s.limit(r, k)
	if r.ContentLength > limit {
		return nil, done, errs.New(errs.TooLarge, "the body is larger than %d bytes (%s)", limit, setting)
	}
	if world && (r.ContentLength < 0 || r.ContentLength > largeApply) {
		select {
		case s.largeApplies <- struct{}{}:
			done = func() { <-s.largeApplies }
		case <-r.Context().Done():
			return nil, done, errs.Wrap(r.Context().Err(), errs.Unavailable, "another large apply is under way: nothing was written, try again")
		}
	}
	if body, err = read(r, limit); err != nil {
		return nil, done, err
	}
	if int64(len(body)) > limit {
		return nil, done, errs.New(errs.TooLarge, "the body is larger than %d bytes (%s)", limit, setting)
	}
	k.bodyRead = true
	if world {
		if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType == mediaYAML {
			if k.yaml, err = doc.ReadYAML(body, limit); err != nil {
				return nil, done, err
			}
			body = k.yaml.JSON
		}
	}
	if k.route.Body != contract.OfComponent {
		r.Header.Set("Content-Type", mediaJSON) // whatever it was called: handlers know one kind of body
	}
	return body, done, nil
}

// checked is a body that is I-JSON, without the members that count as absent.
func checked(route *contract.Route, body []byte) ([]byte, error) {
	depth := doc.MaxDepth
	if route.Body == contract.OfWorld {
		depth += worldDepth
	}
	if err := doc.CheckDepth(body, depth); err != nil {
		return nil, err
	}
	return route.Present(body), nil
}

// read reads up to limit bytes and one more, and tells a slow caller from a broken body.
func read(r *http.Request, limit int64) ([]byte, error) {
	ctx := r.Context()
	inTime := ctx.Err() == nil
	body, err := readAll(r, limit+1)
	if errors.Is(err, os.ErrDeadlineExceeded) || (inTime && errors.Is(ctx.Err(), context.DeadlineExceeded)) {
		return nil, errs.Wrap(err, errs.RequestTimeout, "the body took too long to arrive: nothing was written, try again")
	}
	if err != nil {
		return nil, errs.Wrap(err, errs.InvalidRequest, "the body could not be read to its end")
	}
	return body, nil
}

// readAll reads up to limit bytes of the body; a small one of announced length
// without growing for it.
func readAll(r *http.Request, limit int64) ([]byte, error) {
	const small = 4 << 10
	if r.ContentLength < 0 || r.ContentLength > min(small, limit) {
		return io.ReadAll(io.LimitReader(r.Body, limit))
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}
