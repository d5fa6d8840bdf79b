// Package mcp is POST /mcp: the services of the program as tools of the Model
// Context Protocol, beside REST and by the same rules. It speaks JSON-RPC 2.0
// itself, because its oldest callers are LegiVellum's programs, which no SDK serves:
// they send neither Accept nor always jsonrpc, read a result's members flat, and
// take a result that says isError for a success. What they don't send is not asked
// of them; what standard clients need is beside it.
package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/contract"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/witness"
	"github.com/legivellum/metagate/internal/world"
)

// The tools that are counted, as REST's operations are.
const (
	Bootstrap     = "metagate.bootstrap"
	StartupReady  = "metagate.startup_ready"
	StartupFailed = "metagate.startup_failed"
)

// Options are what a Service is made of.
type Options struct {
	Contract *contract.Contract
	Identity *identity.Service
	Witness  *witness.Service
	Admin    *admin.Service
	World    *world.Service
	Store    *store.Store
	Now      func() time.Time // UTC, whole microseconds

	Version, Build, InstanceID string // of the API, of the binary, of this server
	// Within bounds how long a tool of one of the contract's classes may take.
	Within func(ctx context.Context, class string) (context.Context, context.CancelFunc)
	// MaxComponent is how many bytes the arguments of a component's tool may have.
	MaxComponent int
	// Problem is what REST would answer to an error: one map of errors for both.
	Problem func(ctx context.Context, err error, requestID string) model.Problem
}

// Service answers messages.
type Service struct {
	Options
	tools                       map[string]tool
	listed, discovered, itsName json.RawMessage // of tools/list and server/discover; serverInfo
}

// tool is what the contract says of one, and what it does.
type tool struct {
	*contract.Tool
	run func(context.Context, *call) (any, error)
}

// Request is one message, and what the transport knows of it.
type Request struct {
	Body    []byte
	Invalid error // why Body is no I-JSON

	Authorization, APIKey string // the header fields
	Revision              string // MCP-Protocol-Version
	Method, Name          string // Mcp-Method and Mcp-Name
	Reason                string // Metagate-Reason

	Certificate *identity.Certificate // of the connection; nil for none

	RequestID, RemoteAddr string
}

// Answer is what goes back, and what there is to log of it.
type Answer struct {
	Status int
	Body   []byte // none for a notification
	Tool   string
	Caller identity.Caller
	Err    error
}

// New returns a service. An error is a defect of openapi.yaml.
func New(o Options) (*Service, error) {
	s := &Service{Options: o, tools: map[string]tool{}}
	listed := make([]map[string]any, len(o.Contract.Tools))
	for i, t := range o.Contract.Tools {
		run := tools[t.Name]
		if run == nil {
			return nil, fmt.Errorf("openapi.yaml: nothing does %s", t.Name)
		}
		s.tools[t.Name] = tool{t, run}
		listed[i] = map[string]any{
			"name": t.Name, "description": t.Description, "inputSchema": t.InputSchema, "outputSchema": t.OutputSchema, "annotations": t.Annotations,
		}
	}
	s.itsName = object(map[string]any{"name": "metagate", "title": "MetaGate", "version": o.Build})
	s.listed = object(map[string]any{"tools": listed, "ttlMs": ttl, "cacheScope": "public"})
	s.discovered = object(map[string]any{
		"supportedVersions": revisions, "capabilities": capabilities, "instructions": instructions, "ttlMs": ttl, "cacheScope": "public",
	})
	return s, nil
}

// tools are by the names that openapi.yaml gives them.
var tools = map[string]func(context.Context, *call) (any, error){
	"metagate.discovery":              discovery,
	"metagate.health":                 health,
	Bootstrap:                         bootstrap,
	StartupReady:                      startupReady,
	StartupFailed:                     startupFailed,
	"metagate.admin_principals":       principals.run,
	"metagate.admin_profiles":         profiles.run,
	"metagate.admin_manifests":        manifests.run,
	"metagate.admin_bindings":         bindings.run,
	"metagate.admin_secret_refs":      secretRefs.run,
	"metagate.admin_validators":       validators.run,
	"metagate.admin_api_keys":         apiKeys,
	"metagate.instantiate_problemata": instantiate,
}
