package cli

import (
	"fmt"
	"io"
	"time"
)

// progress shows on a terminal that something long goes on, until it is stopped.
func progress(w io.Writer, what string) (stop func()) {
	if !isTerminal(w) {
		return func() {}
	}
	done, ended, start := make(chan struct{}), make(chan struct{}), time.Now()
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				fmt.Fprint(w, "\r\x1b[K")
				return
			case <-time.After(200 * time.Millisecond):
				fmt.Fprintf(w, "\r\x1b[K%s … %s", what, time.Since(start).Round(100*time.Millisecond))
			}
		}
	}()
	return func() { close(done); <-ended }
}
