package mcp

import (
	"context"
	"encoding/json"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/witness"
)

func discovery(_ context.Context, c *call) (any, error) {
	auth := []model.MCPDiscoverySupportedAuth{model.MCPDiscoverySupportedAuthAPIKey}
	if c.Identity.Verifier.Enabled() {
		auth = append([]model.MCPDiscoverySupportedAuth{model.MCPDiscoverySupportedAuthJwt}, auth...)
	}
	return model.MCPDiscovery{MetagateVersion: c.Version, BootstrapEndpoint: "/mcp", SupportedAuth: auth}, nil
}

func health(_ context.Context, c *call) (any, error) {
	return model.MCPHealth{Status: model.MCPHealthStatusHealthy, Service: "MetaGate", Version: c.Version, InstanceID: c.InstanceID}, nil
}

// bootstrap splices the packet in as it was composed.
func bootstrap(ctx context.Context, c *call) (any, error) {
	in, err := arguments[model.BootstrapRequest](ctx, c)
	if err != nil {
		return nil, err
	}
	birth, err := witness.BirthOf(in)
	if err != nil {
		return nil, err
	}
	opened, err := c.Witness.Bootstrap(ctx, c.caller, birth)
	if err != nil {
		return nil, err
	}
	etag := `"packet_etag":"` + opened.Etag + `"`
	if in.LastPacketEtag == opened.Etag {
		return json.RawMessage(`{"not_modified":true,` + etag + `,"startup":` + string(opened.Startup(witness.ByMCP)) + `}`), nil
	}
	packet := opened.Packet(witness.ByMCP)
	out := append(make(json.RawMessage, 0, len(packet)+len(etag)+16), `{"packet":`...)
	return append(append(append(append(out, packet...), ','), etag...), '}'), nil
}

func startupReady(ctx context.Context, c *call) (any, error) {
	in, err := arguments[model.ReadyReport](ctx, c)
	if err != nil {
		return nil, err
	}
	return c.Witness.Ready(ctx, c.caller, in)
}

func startupFailed(ctx context.Context, c *call) (any, error) {
	in, err := arguments[model.FailedReport](ctx, c)
	if err != nil {
		return nil, err
	}
	return c.Witness.Failed(ctx, c.caller, in)
}
