package cli

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/testdb"
)

const (
	ownSecret     = "JWT_SECRET=a-secret-of-our-own-that-is-long-enough"
	defaultSecret = "JWT_SECRET=change-me-in-production"
)

func TestATokenIsRefusedWhereNoServerWouldAcceptIt(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{
		"no secret":                      nil,
		"the published secret":           {defaultSecret},
		"a secret that is too short":     {"JWT_SECRET=short"},
		"too short for the longer hash":  {ownSecret, "JWT_ALGORITHM=HS512"},
		"an algorithm of the key's kind": {ownSecret, "JWT_ALGORITHM=RS256"},
		"an algorithm that there is not": {ownSecret, "JWT_ALGORITHM=none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := metagate(t, env, "token", "somebody")
			require.Equal(t, 1, r.code, r.log)
			require.Empty(t, r.out)
			require.Contains(t, oneLine(t, r.log), "JWT_")
		})
	}
}

// claims are what the token says.
func claims(t *testing.T, token string) (c struct {
	Sub, Iss string
	Exp, Iat int64
},
) {
	t.Helper()
	parts := strings.Split(strings.TrimSuffix(token, "\n"), ".")
	require.Len(t, parts, 3)
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(payload, &c))
	return c
}

func TestATokenIsValidAsLongAsItWasAskedTo(t *testing.T) {
	t.Parallel()
	for ttl, args := range map[time.Duration][]string{
		time.Hour:        {"token", "a subject of any text"},
		90 * time.Second: {"token", "--ttl=90s", "a subject of any text"},
	} {
		c := claims(t, done(t, []string{ownSecret, "JWT_ISSUER=me"}, args...))
		require.Equal(t, "a subject of any text", c.Sub)
		require.Equal(t, "me", c.Iss)
		require.Equal(t, int64(ttl/time.Second), c.Exp-c.Iat)
		require.WithinDuration(t, time.Now(), time.Unix(c.Iat, 0), time.Minute)
	}
	c := claims(t, done(t, []string{ownSecret, "METAGATE_TOKEN_TTL=2h"}, "token", "x"))
	require.EqualValues(t, 2*3600, c.Exp-c.Iat)
}

func TestATokenOpensTheServerThatHasItsSecret(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{
		"a secret of one's own":          {ownSecret},
		"with issuer and audience":       {ownSecret, "JWT_ISSUER=mesh", "JWT_AUDIENCE=metagate"},
		"a longer hash":                  {ownSecret + ownSecret, "JWT_ALGORITHM=HS512"},
		"the published secret, to debug": {defaultSecret, "DEBUG=true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := append([]string{"DATABASE_URL=" + testdb.SQLite(t)}, env...)
			done(t, env, "seed")
			token := strings.TrimSpace(done(t, env, "token", "test-subject-001"))
			p := serve(t, env)
			r, err := p.client(t, token).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "memorygate_main"})
			require.NoError(t, err)
			require.Equal(t, 200, r.StatusCode(), string(r.Body))
			require.Equal(t, "test-component-001", r.JSON200.PrincipalKey)
			code, log := p.stop(t, os.Interrupt)
			require.Zero(t, code, log)
		})
	}
}
