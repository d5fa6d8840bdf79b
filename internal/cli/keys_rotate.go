package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/legivellum/metagate/gen/model"
)

type keysRotateCmd struct {
	writing
	Principal string `arg:"" help:"principal_key or id."`
	Name      string `env:"METAGATE_KEY_NAME" placeholder:"NAME" help:"Name of the key; it may be left out where all active keys of the principal have the same."`
	ExpiresIn span   `name:"expires-in" env:"METAGATE_EXPIRES_IN" placeholder:"AGE" help:"How long the new one is valid, as in 12h or 90d; for ever where it isn't said."`
	RevokeOld bool   `name:"revoke-old" env:"METAGATE_REVOKE_OLD" help:"Revoke the older ones at once."`
	Grace     span   `env:"METAGATE_GRACE" placeholder:"AGE" help:"Let the older ones expire after that time, as in 24h: the server sees to it."`
}

// Validate is called by kong.
func (c *keysRotateCmd) Validate() error {
	if c.RevokeOld && c.Grace > 0 {
		return errors.New("--revoke-old and --grace exclude each other")
	}
	return nil
}

func (c *keysRotateCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	p, err := m.principal(ctx, c.Principal)
	if err != nil {
		return err
	}
	old, err := c.old(ctx, m, p)
	if err != nil {
		return err
	}
	k, err := m.issue(ctx, s, p, old[0].Name, c.ExpiresIn)
	if err != nil {
		return err
	}
	for _, was := range old {
		err := c.retire(ctx, m, was)
		if no, _ := errors.AsType[refusal](err); no.status == http.StatusUnauthorized { // the key that asks was one of the old
			m.APIKey = k.APIKey
			err = c.retire(ctx, m, was)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// old are the keys that the new one is in place of; they have one name.
func (c *keysRotateCmd) old(ctx context.Context, m *server, p model.Principal) (old []model.APIKey, err error) {
	var names []string
	params := model.ListAPIKeysParams{PrincipalID: &p.ID, Status: new(model.APIKeyStatusActive)}
	_, err = eachPage(ctx, m, paging{All: true}, m.keys(params), func(page []model.APIKey) error {
		for _, k := range page {
			expires, never := k.ExpiresAt.Get()
			if (never == nil && !expires.After(m.now())) || (c.Name != "" && k.Name != c.Name) {
				continue
			}
			if old = append(old, k); !slices.Contains(names, k.Name) {
				names = append(names, k.Name)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case len(old) == 0:
		return nil, coded{fmt.Errorf("principal %s has no such active key: metagate keys issue makes one", p.PrincipalKey), exitRefused}
	case len(names) > 1:
		return nil, coded{fmt.Errorf("principal %s has active keys of several names: say --name, one of %q", p.PrincipalKey, names), exitUsage}
	}
	return old, nil
}

// retire does with an older key what was asked for.
func (c *keysRotateCmd) retire(ctx context.Context, m *server, k model.APIKey) error {
	used := "never used"
	if text := since(m.now(), k.LastUsedAt); text != "" {
		used = "last used " + text + " ago"
	}
	switch {
	case c.RevokeOld:
		if err := m.revoke(ctx, k.ID); err != nil {
			return err
		}
		fmt.Fprintf(m.log, "revoked %s (%s)\n", k.ID, used)
	case c.Grace > 0:
		ends := m.now().Add(time.Duration(c.Grace)).UTC().Truncate(time.Second)
		if at, err := k.ExpiresAt.Get(); err == nil && at.Before(ends) {
			ends = at
		} else if _, err := answer[model.APIKey](m, func() (*http.Response, error) {
			return m.UpdateAPIKeyWithApplicationMergePatchPlusJSONBody(ctx, k.ID, nil, fmt.Appendf(nil, `{"expires_at":%q}`, ends.Format(time.RFC3339)))
		}); err != nil {
			return err
		}
		fmt.Fprintf(m.log, "%s (%s) expires %s\n", k.ID, used, stamp(ends))
	default:
		fmt.Fprintf(m.log, "%s (%s) goes on working: metagate keys revoke %s\n", k.ID, used, k.ID)
	}
	return nil
}
