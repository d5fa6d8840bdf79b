package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Serve waits for ctx to end, or for the listener to fail; it drains and closes,
// all within SHUTDOWN_SECONDS.
func (a *App) Serve(ctx context.Context) error {
	select {
	case err := <-a.served:
		return errors.Join(err, a.Close())
	case <-ctx.Done():
	}
	left, cancel := a.shutdownTime()
	defer cancel()
	a.drain(left)
	a.log.Info("shutting down: finishing what is in flight")
	return a.close(left)
}

// Close stops accepting, finishes what is in flight, and closes the database,
// within SHUTDOWN_SECONDS.
func (a *App) Close() error {
	left, cancel := a.shutdownTime()
	defer cancel()
	return a.close(left)
}

func (a *App) shutdownTime() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Duration(a.config.ShutdownSeconds)*time.Second)
}

// drain lets those who send requests notice that this server goes, and goes on
// answering until they have: for DRAIN_SECONDS, or until a second signal.
func (a *App) drain(left context.Context) {
	second, stop := signal.NotifyContext(left, os.Interrupt, syscall.SIGTERM)
	defer stop()
	a.draining.Store(true)
	a.board.Close()           // its streams go to another replica
	a.options.Streams.Leave() // they connect to another server
	if a.config.DrainSeconds == 0 {
		return
	}
	a.log.Info("draining: /ready answers 503, requests are still taken (DRAIN_SECONDS)", "seconds", a.config.DrainSeconds)
	select {
	case <-time.After(time.Duration(a.config.DrainSeconds) * time.Second):
	case <-second.Done():
	}
}

// closing has every answer end its connection while the server drains. (To forbid
// net/http kept connections would cut those that are idle, and a request may be on
// its way on each of them.)
func (a *App) closing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

func (a *App) close(left context.Context) error {
	a.board.Close()
	a.options.Streams.Leave()
	err := a.http.Shutdown(left)
	if err != nil {
		err = fmt.Errorf("requests in flight were cut off (SHUTDOWN_SECONDS): %w", err)
		_ = a.http.Close()
	}
	a.stop()
	closed := make(chan struct{})
	go func() { // aside: a database that doesn't answer keeps its connections open
		defer close(closed)
		a.background.Wait()
		a.options.Witness.Close()
		a.Store.Close()
	}()
	select {
	case <-closed:
	case <-left.Done():
		a.log.Warn("the database was left before its connections had closed (SHUTDOWN_SECONDS)")
	}
	return err
}
