package mcp

import (
	"bytes"
	"context"
	"strings"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/legivellum/metagate/internal/contract"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// callTool does what the tool does, for whom may have it done.
func (c *call) callTool(ctx context.Context) (any, error) {
	if c.Params.Name == "" {
		return nil, fail(codeParams, errs.InvalidRequest, "Missing tool name")
	}
	t, ok := c.tools[c.Params.Name]
	if !ok {
		return nil, fail(codeParams, errs.InvalidRequest, "Unknown tool: %s", c.Params.Name)
	}
	c.tool = t
	switch c.Params.Arguments.Kind() {
	case '{':
	case 'n', 0: // left out, or null
		c.Params.Arguments = []byte("{}")
	default:
		return nil, fail(codeParams, errs.InvalidRequest, "arguments must be an object")
	}
	class := contract.OfComponent
	if t.Admin {
		class = contract.OfAdmin
	} else if len(c.Params.Arguments) > c.MaxComponent {
		return nil, errs.New(errs.TooLarge, "the arguments are larger than %d bytes (as a component's may be)", c.MaxComponent)
	}
	ctx, cancel := c.Within(ctx, class)
	defer cancel()
	if !t.Open {
		if err := c.authenticate(ctx); err != nil {
			return nil, err
		}
	}
	return t.run(ctx, c)
}

// authenticate names the caller by the first of its credentials that opens the tool.
func (c *call) authenticate(ctx context.Context) (err error) {
	var argument struct {
		Token string `json:"auth_token"`
	}
	args := c.Params.Arguments
	if bytes.Contains(args, []byte("auth_token")) || bytes.IndexByte(args, '\\') >= 0 { // else it has none
		if err := jsonv2.Unmarshal(args, &argument); err != nil {
			return errs.At(errs.InvalidRequest, "auth_token must be a text", errs.Place{Pointer: "/auth_token", Detail: "must be a text"})
		}
	}
	d := identity.Door{
		Shown: Shown(argument.Token, c.Authorization, c.APIKey), Certificate: c.Certificate, Admin: c.tool.Admin, RequestID: c.RequestID, RemoteAddr: c.RemoteAddr,
	}
	if d.Shown == nil && d.Certificate == nil {
		return errs.New(errs.Unauthenticated, "Missing auth token")
	}
	c.caller, err = c.Identity.Authenticate(ctx, c.queries(), d, !c.tool.Remembers)
	return err
}

// Shown are the credentials of a message, in order: the argument auth_token, the
// Authorization field and the API key's. A bearer's may be a JWT or an API key.
func Shown(token, authorization, apiKey string) (shown []identity.Shown) {
	show := func(scheme identity.Scheme, text string) {
		if text != "" {
			shown = append(shown, identity.Shown{Scheme: scheme, Text: text})
		}
	}
	if token != "" {
		show(identity.Bearer, "Bearer "+token)
	}
	show(identity.APIKey, token)
	show(identity.Bearer, authorization)
	if scheme, bearer, _ := strings.Cut(authorization, " "); strings.EqualFold(scheme, "Bearer") {
		show(identity.APIKey, strings.TrimSpace(bearer))
	}
	show(identity.APIKey, apiKey)
	return shown
}

// queries are where a tool reads: components have connections of their own.
func (c *call) queries() store.Queries {
	if c.tool.Admin {
		return c.Store
	}
	return c.Store.Hot()
}

// arguments are what the tool was called with, as its schema says. A remembered
// caller is read again before it is told what is wrong: nothing else would find
// that its credential is good no more.
func arguments[T any](ctx context.Context, c *call) (in T, err error) {
	args, err := c.reasoned()
	if err != nil {
		return in, err
	}
	checked, err := c.tool.Check(args)
	if err == nil {
		c.caller.Reason = reasonOf(c, checked)
		err = doc.Decode(checked, &in)
	}
	if err != nil && c.tool.Remembers {
		if _, again := c.caller.Again(ctx, c.queries()); again != nil {
			return in, again
		}
	}
	return in, err
}

// reasoned are the arguments with the reason of the header, where an admin gives it there.
func (c *call) reasoned() ([]byte, error) {
	if !c.tool.Admin || c.Reason == "" {
		return c.Params.Arguments, nil
	}
	if !utf8.ValidString(c.Reason) {
		return nil, errs.New(errs.InvalidRequest, "header Metagate-Reason: no valid UTF-8")
	}
	members := map[string]jsontext.Value{}
	_ = jsonv2.Unmarshal(c.Params.Arguments, &members) // it is an object
	if _, told := members["reason"]; !told {
		members["reason"] = jsontext.Value(object(c.Reason))
	}
	return object(members), nil
}

func reasonOf(c *call, args []byte) string {
	var why struct {
		Reason string `json:"reason"`
	}
	if c.tool.Admin {
		_ = jsonv2.Unmarshal(args, &why) // it is checked
	}
	return why.Reason
}
