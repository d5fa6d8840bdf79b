package cli

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/legivellum/metagate/internal/app"
)

type devCmd struct {
	Host string `env:"HOST" default:"127.0.0.1" help:"Address to listen on."`
	Port int    `env:"PORT" default:"8000" help:"Port to listen on; 0 picks a free one."`
	File string `env:"METAGATE_DEV_FILE" default:"metagate-dev.db" help:"SQLite file of the demo world; it stays for the next run."`
}

func (c *devCmd) Run(ctx context.Context, s streams, b build) error {
	conf, err := app.DefaultConfig()
	if err != nil {
		return err
	}
	conf.Host, conf.Port, conf.DatabaseURL, conf.AutoMigrate = c.Host, c.Port, "sqlite:"+c.File, true
	conf.DrainSeconds = 0 // Ctrl-C ends it
	conf.Tokens = app.Tokens{JWTSecret: rand.Text() + rand.Text(), JWTAlgorithm: "HS256"}
	log, flush := conf.Logger(s.log)
	defer flush()
	a, err := app.Start(ctx, conf, app.Build{Version: string(b)}, log)
	if err != nil {
		return err
	}
	demo, err := a.Demo(ctx)
	if err != nil {
		_ = a.Close()
		return err
	}
	fmt.Fprintf(s.out, welcome, a.URL, demo.APIKey, demo.AdminKey, demo.JWT, demo.Component, conf.APIKeyHeader)
	return a.Serve(ctx)
}

// welcome says how to use the demo world. The comments hold nothing that zsh,
// which reads a pasted # as a word, would trip over.
const welcome = `
MetaGate is up at %[1]s with the demo world: component %[5]s of principal test-component-001.
Paste into another terminal:

export METAGATE_URL=%[1]s
export METAGATE_KEY=%[2]s
export METAGATE_ADMIN_KEY=%[3]s
export METAGATE_JWT=%[4]s

# A component asks for its world, with its API key
curl -sS -w '\n' $METAGATE_URL/v1/bootstrap -H "%[6]s: $METAGATE_KEY" \
  -H 'Content-Type: application/json' -d '{"component_key": "%[5]s"}'

# The same with a JWT, to remember the startup it opens
STARTUP_ID=$(curl -sS $METAGATE_URL/v1/bootstrap -H "Authorization: Bearer $METAGATE_JWT" \
  -H 'Content-Type: application/json' -d '{"component_key": "%[5]s"}' | sed 's/.*"startup_id":"\([^"]*\)".*/\1/')

# It is listening and initialised: READY
curl -sS $METAGATE_URL/v1/startup/ready -H "Authorization: Bearer $METAGATE_JWT" \
  -H 'Content-Type: application/json' -d "{\"startup_id\": \"$STARTUP_ID\", \"build_version\": \"1.0.0\"}"

# An admin looks who came up, and who did not
curl -sS $METAGATE_URL/v1/admin/startups -H "%[6]s: $METAGATE_ADMIN_KEY"

Swagger UI: %[1]s/docs/ (press Authorize and paste the admin key into apiKeyAuth).
Ctrl-C stops the server. The world stays in its file; the next run issues new keys.

`
