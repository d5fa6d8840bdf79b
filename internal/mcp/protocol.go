package mcp

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/legivellum/metagate/internal/errs"
)

// The revisions of MCP that are spoken here. From stateless on there is no
// handshake: each request names its revision, in a header and in its _meta.
const (
	revision2025June     = "2025-06-18"
	revision2025November = "2025-11-25"
	stateless            = "2026-07-28"
)

// revisions are all, the newest first.
var revisions = []string{stateless, revision2025November, revision2025June}

// ttl is how long clients may keep what tools/list and server/discover say, in
// milliseconds: it changes with the binary only.
const ttl = 300_000

var capabilities = map[string]any{"tools": map[string]any{}}

const instructions = "MetaGate tells a component the world it starts in and witnesses its start: metagate.bootstrap, then " +
	"metagate.startup_ready or metagate.startup_failed. It describes and never assigns work. The metagate.admin_ tools change " +
	"what other components are told: use them only when asked to."

// stateless reports whether the request is of the revision without a handshake.
func (c *call) stateless() bool { return c.Revision == stateless }

// agree refuses a revision that isn't spoken here, and a request of the stateless
// one whose headers, which proxies route by, and whose body differ.
func (c *call) agree() error {
	if c.Revision != "" && !slices.Contains(revisions, c.Revision) {
		return fail(codeUnsupported, errs.InvalidRequest, "Unsupported protocol version: %s", c.Revision)
	}
	if !c.stateless() {
		if c.Params.Meta.Revision >= stateless {
			return fail(codeHeaders, errs.InvalidRequest, "the header MCP-Protocol-Version is missing or contradicts _meta")
		}
		return nil
	}
	switch {
	case c.Params.Meta.Revision == "" || c.Params.Meta.Capabilities.Kind() != '{':
		return fail(codeParams, errs.InvalidRequest, "_meta lacks io.modelcontextprotocol/protocolVersion or …/clientCapabilities")
	case c.Params.Meta.Revision != c.Revision:
		return fail(codeHeaders, errs.InvalidRequest, "the header MCP-Protocol-Version contradicts _meta")
	case c.Method != c.message.Method:
		return fail(codeHeaders, errs.InvalidRequest, "the header Mcp-Method is missing or contradicts the body")
	case c.message.Method == "tools/call" && decoded(c.Name) != c.Params.Name:
		return fail(codeHeaders, errs.InvalidRequest, "the header Mcp-Name is missing or contradicts the body")
	}
	return nil
}

// decoded is a header field that may be base64, as that revision allows.
func decoded(field string) string {
	if text, ok := strings.CutPrefix(field, "=?base64?"); ok {
		if text, ok = strings.CutSuffix(text, "?="); ok {
			b, _ := base64.StdEncoding.DecodeString(text) // what is none names no tool
			return string(b)
		}
	}
	return field
}

// initialized is the handshake's answer: the revision that was asked for, if it is
// known and has a handshake, else the newest that has one.
func (c *call) initialized() json.RawMessage {
	revision := revision2025November
	if c.Params.ProtocolVersion == revision2025June {
		revision = revision2025June
	}
	return object(map[string]any{
		"protocolVersion": revision, "capabilities": capabilities, "serverInfo": c.itsName, "instructions": instructions,
	})
}
