package mcp

import (
	"context"

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

func bootstrap(ctx context.Context, c *call) (any, error) {
	in, err := arguments[model.BootstrapRequest](ctx, c)
	if err != nil {
		return nil, err
	}
	birth, err := witness.BirthOf(in)
	if err != nil {
		return nil, err
	}
	birth.By = witness.ByMCP
	opened, err := c.Witness.Bootstrap(ctx, c.caller, birth)
	return born{opened, in.LastPacketEtag == opened.Etag}, err
}

// born is an answered bootstrap: the packet as it was composed, or that it is known.
type born struct {
	witness.Opened
	known bool
}

func (b born) appendTo(out []byte) []byte {
	if b.known {
		out = append(append(out, `{"not_modified":true,"startup":`...), b.Startup(witness.ByMCP)...)
	} else {
		out = b.AppendPacket(append(out, `{"packet":`...), witness.ByMCP)
	}
	return append(append(append(out, `,"packet_etag":"`...), b.Etag...), `"}`...)
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
