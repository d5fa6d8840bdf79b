package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// status is the one map from error codes to HTTP statuses.
var status = map[errs.Code]int{
	errs.InvalidRequest:        http.StatusBadRequest,
	errs.InvalidReference:      http.StatusBadRequest,
	errs.ForbiddenKeys:         http.StatusBadRequest,
	errs.ProblemataUnvalidated: http.StatusBadRequest,
	errs.ValidatorDenied:       http.StatusBadRequest,
	errs.Unauthenticated:       http.StatusUnauthorized,
	errs.Forbidden:             http.StatusForbidden,
	errs.NoBinding:             http.StatusForbidden,
	errs.ComponentNotPermitted: http.StatusForbidden,
	errs.NotFound:              http.StatusNotFound,
	errs.SessionNotFound:       http.StatusNotFound,
	errs.MethodNotAllowed:      http.StatusMethodNotAllowed,
	errs.AlreadyExists:         http.StatusConflict,
	errs.InUse:                 http.StatusConflict,
	errs.InvalidState:          http.StatusConflict,
	errs.IdempotencyKeyReused:  http.StatusConflict,
	errs.LastAdmin:             http.StatusConflict,
	errs.PrincipalMismatch:     http.StatusConflict,
	errs.HistoryGone:           http.StatusGone,
	errs.PreconditionFailed:    http.StatusPreconditionFailed,
	errs.TooLarge:              http.StatusRequestEntityTooLarge,
	errs.RequestTimeout:        http.StatusRequestTimeout,
	errs.UnsupportedMediaType:  http.StatusUnsupportedMediaType,
	errs.TooManyRequests:       http.StatusTooManyRequests,
	errs.Canceled:              statusHungUp,
	errs.Internal:              http.StatusInternalServerError,
	errs.Unavailable:           http.StatusServiceUnavailable,
}

// statusHungUp is nginx's, in log and metrics, for a caller who didn't wait.
const statusHungUp = 499

// hungUp is err, or what it comes of where the caller has hung up: no fault of the
// database's then, and none of ours.
func hungUp(ctx context.Context, err error) error {
	if err == nil || !errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	if code := classify(err).Code; code != errs.Unavailable && code != errs.Internal {
		return err
	}
	return errs.Wrap(err, errs.Canceled, "the caller hung up")
}

// retryAfter is the Retry-After of a 503 and a 429, in seconds.
const retryAfter = 1

// answerError is Echo's HTTPErrorHandler: every error leaves through here.
func (s *Server) answerError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	e := classify(err)
	p := problem(e, callOf(c.Request().Context()))
	h := c.Response().Header()
	switch e.Code {
	case errs.Unauthenticated:
		h.Set(echo.HeaderWWWAuthenticate, `Bearer realm="metagate", ApiKey realm="metagate", header="`+s.APIKeyHeader+`"`)
	case errs.Unavailable, errs.TooManyRequests:
		h.Set(echo.HeaderRetryAfter, strconv.Itoa(retryAfter))
	}
	leaveBody(c)
	h.Set(echo.HeaderContentType, "application/problem+json")
	c.Response().WriteHeader(p.Status)
	enc := json.NewEncoder(c.Response())
	enc.SetEscapeHTML(false)
	_ = enc.Encode(p) // the client is gone when this fails
}

// classify also reads the errors of Echo and of the generated code.
func classify(err error) *errs.Error {
	he, ok := errors.AsType[*echo.HTTPError](err)
	if !ok {
		return errs.From(store.Classify(err))
	}
	switch he.Code {
	case http.StatusNotFound:
		return errs.Wrap(err, errs.NotFound, "no such path: GET /.well-known/metagate.json lists the endpoints")
	case http.StatusMethodNotAllowed:
		return errs.Wrap(err, errs.MethodNotAllowed, "this path knows other methods: see Allow")
	case http.StatusBadRequest:
		return errs.Wrap(err, errs.InvalidRequest, "a parameter or the body is not as openapi.yaml says")
	default:
		return errs.From(err)
	}
}

// codeOf is an error's code, empty for none.
func codeOf(err error) errs.Code {
	if err == nil {
		return ""
	}
	return classify(err).Code
}

func problem(e *errs.Error, k *call) model.Problem {
	p := model.Problem{
		Type:   "urn:metagate:problem:" + strings.ReplaceAll(strings.ToLower(string(e.Code)), "_", "-"),
		Title:  cmp.Or(http.StatusText(status[e.Code]), "Client Closed Request"),
		Status: status[e.Code], Detail: e.Message, Code: string(e.Code), RequestID: k.id,
	}
	pointers := make([]string, len(e.Places))
	for i, place := range e.Places {
		pointers[i] = place.Pointer
	}
	for i, at := range k.yaml.Positions(pointers) {
		p.Errors = append(p.Errors, model.ProblemPlace{
			Pointer: pointers[i], Detail: e.Places[i].Detail, Line: int(at.Line), Column: int(at.Column),
		})
	}
	return p
}
