package app_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/component"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// run is a component from its start until it is up; cfg is component.FromEnv().
func run(ctx context.Context, cfg component.Config, listen func(component.Service) error) error {
	startup, err := component.Start(ctx, cfg) // tries again for 5 s; all secrets are there
	if err != nil {
		return err
	}
	defer startup.Close() // FAILED, unless READY or FAILED was reported; panics, too
	memorygate, err := startup.Service("memorygate")
	if err == nil {
		err = listen(memorygate)
	}
	if err != nil {
		return errors.Join(err, startup.Failed(ctx, err))
	}
	return startup.Ready(ctx)
}

func Example() {
	url, apiKey, stop := demoServer()
	defer stop()
	cfg := component.Config{Addresses: []string{url}, APIKey: apiKey, Component: "memorygate_main"}
	err := run(context.Background(), cfg, func(memorygate component.Service) error {
		fmt.Println("memorygate is at", memorygate.Endpoint)
		return nil
	})
	fmt.Println(err)
	// Output:
	// memorygate is at http://memorygate:8001/mcp
	// <nil>
}

// demoServer is a server with the demo world, such as metagate dev starts.
func demoServer() (url, apiKey string, stop func()) {
	dir, err := os.MkdirTemp("", "metagate-example")
	if err != nil {
		panic(err)
	}
	c, err := app.DefaultConfig()
	if err != nil {
		panic(err)
	}
	c.Host, c.Port, c.DatabaseURL, c.JWTSecret = "127.0.0.1", 0, "sqlite:"+filepath.Join(dir, "metagate.db"), apptest.JWTSecret
	a, err := app.Start(context.Background(), c, app.Build{Version: "example"}, slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	demo, err := a.Demo(context.Background(), app.Demo{})
	if err != nil {
		panic(err)
	}
	return a.URL, demo.APIKey, func() { _ = a.Close(); _ = os.RemoveAll(dir) }
}

func TestTheExampleIsDocumentedAsItIsRun(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	page, err := os.ReadFile("../../docs/component.md")
	require.NoError(t, err)
	_, example, found := strings.Cut(string(source), "\n// run ")
	require.True(t, found)
	example, _, found = strings.Cut(example, "\n}\n")
	require.True(t, found)
	require.Contains(t, string(page), "\n```go\n// run "+example+"\n}\n```\n")
}
