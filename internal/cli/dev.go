package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/signing"
)

type devCmd struct {
	Host    string `env:"HOST" default:"127.0.0.1" help:"Address to listen on."`
	Port    int    `env:"PORT" default:"8000" help:"Port to listen on; 0 picks a free one."`
	File    string `env:"METAGATE_DEV_FILE" default:"metagate-dev.db" help:"SQLite file of the demo world; it stays for the next run, as do the keys, in a .json beside it."`
	NewKeys bool   `env:"METAGATE_NEW_KEYS" help:"Issue new keys and a new JWT secret; those of the run before open nothing any more."`
}

func (c *devCmd) Run(ctx context.Context, s streams, b build) error {
	conf, err := app.DefaultConfig()
	if err != nil {
		return err
	}
	conf.Host, conf.Port, conf.DatabaseURL, conf.AutoMigrate = c.Host, c.Port, "sqlite:"+c.File, true
	conf.DrainSeconds = 0 // Ctrl-C ends it
	conf.TLS = app.TLS{}  // the lines to paste would have to name a CA
	file := strings.TrimSuffix(c.File, ".db") + ".json"
	var kept devKeys
	if !c.NewKeys {
		if kept, err = readDevKeys(file); err != nil {
			return err
		}
	}
	if len(kept.JWTSecret) < 32 { // there is none yet, or somebody's own that the server would refuse
		kept.JWTSecret = rand.Text() + rand.Text()
	}
	conf.Tokens = app.Tokens{JWTSecret: kept.JWTSecret, JWTAlgorithm: "HS256"}
	log, flush := conf.Logger(s.log)
	defer flush()
	a, err := app.Start(ctx, conf, app.Build{Version: string(b)}, log)
	if err != nil {
		return err
	}
	demo, err := a.Demo(ctx, app.Demo{APIKey: kept.APIKey, AdminKey: kept.AdminKey})
	if err == nil {
		err = devKeys{demo.APIKey, demo.AdminKey, kept.JWTSecret}.write(file)
	}
	if err != nil {
		_ = a.Close()
		return err
	}
	fmt.Fprintf(s.out, welcome, a.URL, demo.APIKey, demo.AdminKey, demo.JWT, demo.Component, conf.APIKeyHeader, c.File, file)
	return a.Serve(ctx)
}

// devKeys are what a dev server keeps for its next run: what was exported in a
// terminal goes on working.
type devKeys struct {
	APIKey    string `json:"api_key"`
	AdminKey  string `json:"admin_key"`
	JWTSecret string `json:"jwt_secret"`
}

func readDevKeys(file string) (k devKeys, err error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &k)
	}
	if err != nil {
		return k, fmt.Errorf("METAGATE_DEV_FILE: %s can't be read: %w", file, err)
	}
	return k, nil
}

// write replaces the file at once, for its owner alone.
func (k devKeys) write(file string) error {
	b, err := json.MarshalIndent(k, "", "  ") //nolint:gosec // keys are what the file is for: it is its owner's alone
	if err != nil {
		return err
	}
	return signing.WriteFile(file, append(b, '\n'))
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
export METAGATE_API_KEY=%[3]s

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
The board: %[1]s/board/ (sign in with the admin key).
The command line, with METAGATE_URL and METAGATE_API_KEY: go run ./cmd/metagate startups
Ctrl-C stops the server. The world stays in %[7]s and its keys in %[8]s; --new-keys makes new ones.

`
