package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// World is a database opened for a command that changes it without a server.
type World struct {
	*store.Store
	admin *admin.Service
}

// OpenWorld opens the database; with migrate it also applies what is pending.
func OpenWorld(ctx context.Context, url string, migrate bool) (*World, error) {
	c, err := DefaultConfig()
	if err != nil {
		return nil, err
	}
	st, err := Open(ctx, url)
	if err != nil {
		return nil, err
	}
	if migrate {
		if _, err := st.Migrate(ctx); err != nil {
			st.Close()
			return nil, fmt.Errorf("DATABASE_URL: migrating failed: %w", err)
		}
	}
	return &World{Store: st, admin: Admin(c, st)}, nil
}

// Seed makes sure that the seed README's demo world exists, and returns a new
// API key of its component; the one before is revoked.
func (w *World) Seed(ctx context.Context) (apiKey string, err error) {
	p, err := w.admin.SeedDemo(ctx)
	if err != nil {
		return "", err
	}
	return w.admin.ReissueKey(ctx, p, "seed")
}

// AdminKey returns a new API key of principal admin, who is created if need be.
func (w *World) AdminKey(ctx context.Context, name string) (apiKey string, err error) {
	p, err := w.admin.FirstAdmin(ctx)
	if err != nil {
		return "", err
	}
	issued, _, err := w.admin.IssueKey(ctx, w.admin.CLI(), admin.KeyFor(p, name))
	return issued.APIKey, err
}

// Demo is what somebody needs to try a server out.
type Demo struct {
	Component             string // a component_key
	APIKey, JWT, AdminKey string
}

// Demo makes sure that the demo world exists on the running server. A key of kept
// that still opens its principal's door stays; otherwise a new one is issued, and
// the ones of the run before are revoked.
func (a *App) Demo(ctx context.Context, kept Demo) (Demo, error) {
	d := Demo{Component: admin.DemoComponent}
	p, err := a.Admin.SeedDemo(ctx)
	if err != nil {
		return d, err
	}
	boss, err := a.Admin.FirstAdmin(ctx)
	if err != nil {
		return d, err
	}
	if d.APIKey, err = a.demoKey(ctx, p, kept.APIKey); err != nil {
		return d, err
	}
	if d.AdminKey, err = a.demoKey(ctx, boss, kept.AdminKey); err != nil {
		return d, err
	}
	d.JWT, err = Token(a.config.Tokens, p.AuthSubject, 24*time.Hour, false)
	return d, err
}

func (a *App) demoKey(ctx context.Context, p store.Principal, kept string) (string, error) {
	if hash, err := identity.HashAPIKey(kept); err == nil {
		k, err := a.Store.GetAPIKeyByHash(ctx, hash)
		if err != nil && !store.IsNotFound(err) {
			return "", err
		}
		if err == nil && k.PrincipalID == p.ID && k.Status == string(model.APIKeyStatusActive) && (k.ExpiresAt == nil || k.ExpiresAt.After(store.Now())) {
			return kept, nil
		}
	}
	return a.Admin.ReissueKey(ctx, p, "dev")
}

// Token signs a JWT as the configuration's own server would accept it. The
// published default secret, or a short one, signs only with debug, as it is accepted only then.
func Token(c Tokens, subject string, ttl time.Duration, debug bool) (string, error) {
	if c.JWTSecret == identity.DefaultSecret && !debug {
		return "", errors.New("JWT_SECRET is the published default, which no server accepts: set the server's own JWT_SECRET")
	}
	sign := identity.Sign
	if debug {
		sign = identity.SignShort
	}
	return sign(c.JWTSecret, c.JWTAlgorithm, subject, ttl, c.JWTIssuer, c.JWTAudience, time.Now())
}
