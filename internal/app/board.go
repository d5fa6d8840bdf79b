package app

import (
	"context"
	"fmt"
	"net/http"

	"github.com/legivellum/metagate/internal/board"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/transport"
)

// watched serves the board beside the API, which it asks, unless BOARD is off.
func (a *App) watched(api http.Handler) http.Handler {
	if !a.config.Board {
		return api
	}
	proxies, _ := transport.ParseProxies(a.config.TrustedProxies) // Check has read them
	a.board = board.New(board.Options{
		API: api, APIKeyHeader: a.config.APIKeyHeader, MaxBodyBytes: a.config.ApplyMaxBytes,
		Secure:   func(r *http.Request) bool { return r.TLS != nil || proxies.HTTPS(r) },
		Position: a.position, Now: store.Now, Log: a.log,
	})
	return a.board.Over(api)
}

// position differs when a startup or a tenant's world has changed.
func (a *App) position(ctx context.Context) (string, error) {
	change, err := a.Store.Settled(ctx)
	if err != nil {
		return "", err
	}
	worlds, err := a.Store.SumRevisions(ctx)
	return fmt.Sprintf("%d %d", change, worlds), err
}
