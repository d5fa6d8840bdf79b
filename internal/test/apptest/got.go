package apptest

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
)

// Result is what every call of the generated client gives.
type Result interface {
	StatusCode() int
	GetBody() []byte
}

// Call is a call of the generated client that has been made.
type Call[R Result] struct {
	result R
	err    error
}

// Got takes what a call gave: Got(c.GetReadyWithResponse(ctx)).Is(t, 200).
func Got[R Result](result R, err error) Call[R] { return Call[R]{result, err} }

// Is demands an answer with this status.
func (c Call[R]) Is(tb testing.TB, status int) R {
	tb.Helper()
	require.NoError(tb, c.err)
	require.Equal(tb, status, c.result.StatusCode(), "%s", c.result.GetBody())
	return c.result
}

// Fails demands a problem document with this status and code.
func (c Call[R]) Fails(tb testing.TB, status int, code string) model.Problem {
	tb.Helper()
	var p model.Problem
	require.NoError(tb, json.Unmarshal(c.Is(tb, status).GetBody(), &p))
	require.Equal(tb, code, p.Code, p.Detail)
	return p
}
