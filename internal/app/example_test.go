package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// startComponent is what a component does before anything else.
func startComponent(ctx context.Context, url, apiKey string) (*model.WelcomePacket, error) {
	metagate, err := client.NewClientWithResponses(url, client.WithRequestEditorFn(
		func(_ context.Context, r *http.Request) error {
			r.Header.Set("X-API-Key", apiKey)
			return nil
		}))
	if err != nil {
		return nil, err
	}
	answer, err := metagate.BootstrapWithResponse(ctx, nil, model.BootstrapRequest{ComponentKey: "memorygate_main"})
	if err != nil {
		return nil, err
	}
	packet := answer.JSON200
	if packet == nil {
		return nil, fmt.Errorf("bootstrap: %s: %s", answer.Status(), answer.Body)
	}

	// Look up the secrets of packet.RequiredEnv, connect to packet.Services, listen. Then:

	ready, err := metagate.ReportReadyWithResponse(ctx, model.ReadyReport{
		StartupID: packet.Startup.StartupID, BuildVersion: "1.4.2",
	})
	if err != nil {
		return nil, err
	}
	if ready.JSON200 == nil {
		return nil, fmt.Errorf("ready: %s: %s", ready.Status(), ready.Body)
	}
	return packet, nil
}

func Example() {
	url, apiKey, stop := demoServer()
	defer stop()
	packet, err := startComponent(context.Background(), url, apiKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(packet.Profile, packet.Manifest)
	fmt.Printf("%s\n", packet.Polling)
	// Output:
	// default-profile default-manifest
	// {"asyncgate":{"endpoint":"/mcp","interval_ms":1000}}
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
	_, example, found := strings.Cut(string(source), "\n// startComponent ")
	require.True(t, found)
	example, _, found = strings.Cut(example, "\n}\n")
	require.True(t, found)
	require.Contains(t, string(page), "\n```go\n// startComponent "+example+"\n}\n```\n")
}
