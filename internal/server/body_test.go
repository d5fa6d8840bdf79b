package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/contract"
	"github.com/legivellum/metagate/internal/errs"
)

// unread fails the test that reads it.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body is read before its turn")
	return 0, io.EOF
}

func TestALargeApplyWhoseTurnDoesNotComeInTimeIsTriedAgainLater(t *testing.T) {
	t.Parallel()
	spec, err := contract.Load("X-API-Key")
	require.NoError(t, err)
	s := &Server{Options: Options{ApplyMaxBytes: 8 << 20, MaxBodyBytes: 1 << 20}, contract: spec, largeApplies: make(chan struct{}, 1)}
	s.largeApplies <- struct{}{}
	for what, c := range map[string]struct {
		length int64
		cause  error
		code   errs.Code
	}{
		"large": {largeApply + 1, context.DeadlineExceeded, errs.Unavailable}, "of unknown length": {-1, context.DeadlineExceeded, errs.Unavailable},
		"of a caller who hung up": {-1, context.Canceled, errs.Canceled},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		if errors.Is(c.cause, context.DeadlineExceeded) {
			ctx, cancel = context.WithTimeout(ctx, 0)
		}
		cancel()
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/admin/apply", unread{t})
		r.ContentLength = c.length
		r.Header.Set("Content-Type", mediaJSON)
		_, done, err := s.readBody(r, &call{route: spec.Route(http.MethodPost, "/v1/admin/apply", "/v1/admin/apply")})
		done()
		require.True(t, errs.Is(hungUp(ctx, err), c.code), "%s: %v", what, err)
		require.Len(t, s.largeApplies, 1, "the one before it goes on")
	}
}
