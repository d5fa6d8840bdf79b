package mcp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
)

// Codes of JSON-RPC 2.0 and of MCP. LegiVellum's programs read none of them, and
// SDKs want integers; what happened stands in data.code.
const (
	codeParse       = -32700
	codeRequest     = -32600
	codeMethod      = -32601
	codeParams      = -32602
	codeRefused     = -32000
	codeHeaders     = -32020
	codeUnsupported = -32022
)

// failure is an error of the protocol, which has a code of its own.
type failure struct {
	code int
	error
}

func (f failure) Unwrap() error { return f.error }

func fail(code int, kind errs.Code, format string, args ...any) error {
	return failure{code, errs.New(kind, format, args...)}
}

// call is a message under way.
type call struct {
	*Service
	Request
	message
	tool   tool
	caller identity.Caller
}

type envelope struct {
	ID     jsontext.Value `json:"id"` // as it came; nil is a notification
	Method string         `json:"method"`
}

type message struct {
	envelope `json:",embed"`
	Params   params `json:"params"`
}

type params struct {
	Name            string         `json:"name"`
	Arguments       jsontext.Value `json:"arguments"`
	ProtocolVersion string         `json:"protocolVersion"`
	Meta            struct {
		Revision     string         `json:"io.modelcontextprotocol/protocolVersion"`
		Capabilities jsontext.Value `json:"io.modelcontextprotocol/clientCapabilities"`
	} `json:"_meta"`
}

// Serve answers a message. It never fails: that, too, is an answer.
func (s *Service) Serve(ctx context.Context, r Request) Answer {
	c := &call{Service: s, Request: r}
	result, err := c.serve(ctx)
	a := Answer{Status: 200, Caller: c.caller, Err: err}
	if c.tool.Tool != nil {
		a.Tool = c.tool.Name
	}
	switch {
	case err != nil:
		a.Status, a.Body = c.refuse(ctx, err)
	case c.ID == nil:
		a.Status = 202
	default:
		a.Body = c.success(result)
	}
	return a
}

func (c *call) serve(ctx context.Context) (any, error) {
	if c.Invalid != nil {
		return nil, failure{codeParse, c.Invalid}
	}
	bad := jsonv2.Unmarshal(c.Body, &c.message)
	if bad != nil { // perhaps of its params alone
		c.message = message{}
		if err := jsonv2.Unmarshal(c.Body, &c.envelope); err != nil {
			c.envelope = envelope{}
		}
	}
	if c.message.Method == "" {
		return nil, failure{codeRequest, errs.Wrap(bad, errs.InvalidRequest, "send one JSON-RPC request: an object with a method, no batch")}
	}
	if c.ID == nil {
		return nil, nil // whatever it notifies of: there is no session that it could change
	}
	if bad != nil {
		return nil, failure{codeParams, errs.Wrap(bad, errs.InvalidRequest, "the params are not as %s takes them", c.message.Method)}
	}
	if err := c.agree(); err != nil {
		return nil, err
	}
	switch method := c.message.Method; {
	case method == "tools/call":
		return c.callTool(ctx)
	case method == "tools/list":
		return c.listed, nil
	case method == "server/discover":
		return c.discovered, nil
	case method == "initialize" && !c.stateless():
		return c.initialized(), nil
	case method == "ping" && !c.stateless():
		return json.RawMessage(`{}`), nil
	default:
		return nil, fail(codeMethod, errs.NotFound, "Method not found: %s", method)
	}
}

// appender is a result that is written where it goes.
type appender interface{ appendTo(out []byte) []byte }

// success is the answer with a result. A tool's stands there flat, for LegiVellum,
// and twice more, for others.
func (c *call) success(result any) []byte {
	out := buffers.Get().([]byte)
	out = append(append(append(out, `{"jsonrpc":"2.0","id":`...), c.ID...), `,"result":`...)
	begin := len(out)
	switch result := result.(type) {
	case json.RawMessage:
		out = append(out, result...)
	case appender:
		out = result.appendTo(out)
	default:
		out = append(out, object(result)...)
	}
	once := out[begin:] // stays what it is while out grows
	out = out[:len(out)-1]
	if c.tool.Tool != nil {
		members := once[:len(once)-1]
		out = appendEscaped(append(out, `,"content":[{"type":"text","text":"`...), members)
		out = append(append(append(out, `}"}],"structuredContent":`...), members...), `},"isError":false`...)
	}
	if c.stateless() {
		out = append(append(append(out, `,"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":`...), c.itsName...), '}')
	}
	return append(out, `}}`...)
}

// buffers are of answers that are written: a packet's would else be the larger part
// of what a bootstrap leaves to collect.
var buffers = sync.Pool{New: func() any { return make([]byte, 0, 8<<10) }}

// Release lets the body be used again.
func (a Answer) Release() {
	if c := cap(a.Body); c > 0 && c <= 64<<10 {
		buffers.Put(a.Body[:0]) //nolint:staticcheck // a header of a slice is nothing beside it
	}
}

// appendEscaped is JSON of ours as the inside of a JSON text: it is checked and holds
// no line breaks, so only these two have to be escaped.
func appendEscaped(dst, text []byte) []byte {
	dst = slices.Grow(dst, 2*len(text))
	out, n := dst[len(dst):cap(dst)], 0
	for _, b := range text {
		out[n] = '\\'
		n += escape[b]
		out[n] = b
		n++
	}
	return dst[:len(dst)+n]
}

var escape = [256]int{'"': 1, '\\': 1} // no branch, which would be mispredicted at each of many

// trouble is the data of an error.
type trouble struct {
	model.Problem
	Supported []string `json:"supported,omitempty"`
	Requested string   `json:"requested,omitempty"`
}

// refuse is the answer with an error. Its status is 200 but for what is no JSON-RPC
// request at all: there the original answers 422, which is FastAPI's, and MCP wants
// 400; LegiVellum takes both for a refusal. The stateless revision wants more.
func (c *call) refuse(ctx context.Context, err error) (status int, body []byte) {
	data := trouble{Problem: c.Problem(ctx, err, c.RequestID)}
	code := codeRefused
	if f, ok := errors.AsType[failure](err); ok {
		code = f.code
	} else if data.Code == string(errs.InvalidRequest) {
		code = codeParams
	}
	status = 200
	switch {
	case code == codeUnsupported:
		status, data.Supported, data.Requested = 400, revisions, cmp.Or(c.Revision, c.Params.Meta.Revision)
	case slices.Contains([]int{codeParse, codeRequest, codeHeaders}, code), code == codeParams && c.stateless():
		status = 400
	case code == codeMethod && c.stateless():
		status = 404
	}
	return status, object(map[string]any{
		"jsonrpc": "2.0", "id": json.RawMessage(cmp.Or(string(c.ID), "null")),
		"error": map[string]any{"code": code, "message": data.Detail, "data": data},
	})
}

// object is a value of ours as JSON.
func object(value any) json.RawMessage {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err) // a defect: what we make can be written
	}
	return doc.WithoutHTML(b)
}
