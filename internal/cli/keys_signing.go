package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/legivellum/metagate/internal/signing"
)

// keysSigningCmd works on the file alone: servers see it change.
type keysSigningCmd struct {
	File   string `arg:"" env:"SIGNING_KEY_FILE" help:"The key file, made unless it exists."`
	Rotate bool   `env:"METAGATE_ROTATE" help:"Add a key to a file that exists: published at once, it signs after --lead; the keys before it are published for --keep after that."`
	Lead   span   `env:"METAGATE_LEAD" default:"1h" placeholder:"AGE" help:"How long after now the new key signs: every server and component should have it by then."`
	Keep   span   `env:"METAGATE_KEEP" default:"7d" placeholder:"AGE" help:"How long the keys before it verify after that: longer than a component may start with a packet from its disk."`
}

func (c *keysSigningCmd) Run(s streams) error {
	text, err := os.ReadFile(c.File)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("SIGNING_KEY_FILE: %w", err)
	case err != nil && c.Rotate:
		return fmt.Errorf("SIGNING_KEY_FILE: %w: leave --rotate out to make it", err)
	case err == nil && !c.Rotate:
		return fmt.Errorf("SIGNING_KEY_FILE: %s exists: --rotate adds a key to it", c.File)
	}
	now := time.Now()
	text, made, err := signing.Rotated(text, now, time.Duration(c.Lead), time.Duration(c.Keep))
	if err == nil {
		err = signing.WriteFile(c.File, text)
	}
	if err != nil {
		return fmt.Errorf("SIGNING_KEY_FILE: %w", err)
	}
	if c.Rotate {
		fmt.Fprintf(s.log, "a new key is in %s; it signs from %s on:\n", c.File, stamp(now.Add(time.Duration(c.Lead)).UTC()))
	} else {
		fmt.Fprintf(s.log, "a key is in %s; a server signs packets with it where SIGNING_KEY_FILE names it:\n", c.File)
	}
	fmt.Fprintln(s.out, made.Kid)
	return nil
}
