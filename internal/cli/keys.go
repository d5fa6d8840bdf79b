package cli

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/model"
)

type keysCmd struct {
	Issue  keysIssueCmd  `cmd:"" help:"Print a new API key of a principal, alone on stdout."`
	List   keysListCmd   `cmd:"" help:"List API keys, with when they were last used."`
	Rotate keysRotateCmd `cmd:"" help:"Print a new API key of a principal in place of those of the same name, which go on working unless --revoke-old or --grace says otherwise."`
	Revoke keysRevokeCmd `cmd:"" help:"Revoke an API key: the next request with it is refused."`

	Signing keysSigningCmd `cmd:"" help:"Make the key file that packets are signed with, or rotate it; print the new key's id."`
}

type keysIssueCmd struct {
	writing
	Principal string `arg:"" help:"principal_key or id."`
	Name      string `env:"METAGATE_KEY_NAME" default:"command line" help:"Name of the key, to know it by."`
	ExpiresIn span   `name:"expires-in" env:"METAGATE_EXPIRES_IN" placeholder:"AGE" help:"How long it is valid, as in 12h or 90d; for ever where it isn't said."`
}

func (c *keysIssueCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	p, err := m.principal(ctx, c.Principal)
	if err != nil {
		return err
	}
	_, err = m.issue(ctx, s, p, c.Name, c.ExpiresIn)
	return err
}

// issue makes a key and prints it, before anything else can fail: it is never
// shown again.
func (m *server) issue(ctx context.Context, s streams, p model.Principal, name string, valid span) (model.APIKeyIssued, error) {
	asked := model.APIKeyCreate{PrincipalID: p.ID.String(), Name: name}
	until := "never expires"
	if valid > 0 {
		at := m.now().Add(time.Duration(valid)).UTC().Truncate(time.Second)
		asked.ExpiresAt, until = nullable.NewNullableWithValue(at), "expires "+stamp(at)
	}
	k, err := answer[model.APIKeyIssued](m, func() (*http.Response, error) { return m.CreateAPIKey(ctx, nil, asked) })
	if err != nil {
		return k, err
	}
	fmt.Fprintf(m.log, "a new API key of principal %s, named %q (%s), which %s; it is shown only here:\n", p.PrincipalKey, k.Name, k.ID, until)
	if m.Output == "text" {
		_, err = fmt.Fprintln(s.out, k.APIKey)
		return k, err
	}
	return k, encode(s.out, m.Output, k)
}

type keysListCmd struct {
	remote
	Principal string `arg:"" optional:"" help:"Only those of this principal, by principal_key or id."`
	paging
}

func (c *keysListCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	params := model.ListAPIKeysParams{}
	if c.Principal != "" {
		p, err := m.principal(ctx, c.Principal)
		if err != nil {
			return err
		}
		params.PrincipalID = &p.ID
	}
	return apiKeys(m).show(ctx, m, s, c.paging, m.keys(params))
}

// keys asks for a page of API keys.
func (m *server) keys(params model.ListAPIKeysParams) fetch {
	return func(ctx context.Context, limit *int64, cursor *string) (*http.Response, error) {
		params.Limit, params.Cursor = limit, cursor
		return m.ListAPIKeys(ctx, &params)
	}
}

type keysRevokeCmd struct {
	writing
	ID uuid.UUID `arg:"" help:"Its id, as keys list shows it."`
}

func (c *keysRevokeCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	if err := m.revoke(ctx, c.ID); err != nil {
		return err
	}
	fmt.Fprintln(m.log, "revoked", c.ID)
	return nil
}

func (m *server) revoke(ctx context.Context, id uuid.UUID) error {
	r, _, err := m.do(func() (*http.Response, error) { return m.RevokeAPIKey(ctx, id, nil) })
	if err == nil && r.StatusCode != http.StatusNoContent {
		return stranger(r)
	}
	return err
}
