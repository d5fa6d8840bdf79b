package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/legivellum/metagate/internal/app"
)

type tokenCmd struct {
	Subject string        `arg:"" help:"The auth_subject of the principal that the token speaks for."`
	TTL     time.Duration `name:"ttl" env:"METAGATE_TOKEN_TTL" default:"1h" help:"How long it is valid, as in 15m or 24h."`
	app.Tokens
	Debug bool `env:"DEBUG" default:"false" help:"Sign with a JWT_SECRET that is the published default or too short, too."`
}

// Validate is called by kong.
func (c *tokenCmd) Validate() error {
	if c.TTL <= 0 {
		return errors.New("--ttl must be longer than nothing")
	}
	return nil
}

func (c *tokenCmd) Run(s streams) error {
	token, err := app.Token(c.Tokens, c.Subject, c.TTL, c.Debug)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, token)
	return nil
}
