package app

import (
	"context"
	"strings"

	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/issuers"
	"github.com/legivellum/metagate/internal/telemetry"
)

// trust reads ISSUERS_FILE, nil where there is none.
func (c *Config) trust(fallback *identity.Verifier) (*issuers.Set, error) {
	if c.IssuersFile == "" {
		return nil, nil
	}
	return issuers.New(issuers.Config{File: c.IssuersFile, Taken: c.JWTIssuer, Plain: c.Debug, Fallback: fallback})
}

// tokens are all that are believed.
func (a *App) tokens() identity.Tokens {
	if a.issuers == nil {
		return a.verifier
	}
	return a.issuers
}

// watchIssuers has /ready, the metrics and the log tell of the issuers.
func (a *App) watchIssuers(ctx context.Context) {
	if a.issuers == nil {
		return
	}
	if pairs := a.issuers.Overlaps(); pairs != nil {
		a.log.WarnContext(ctx, "issuers that may speak for the same principals, as their subject has it: "+strings.Join(pairs, ", "))
	}
	a.options.Issuers = a.issuers.Ready
	a.options.Metrics.Issuers(a.issuers.Names(), func() []telemetry.Issuer {
		var out []telemetry.Issuer
		for _, c := range a.issuers.Counts() {
			out = append(out, telemetry.Issuer(c))
		}
		return out
	})
}
