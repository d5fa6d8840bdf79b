package componentcli

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/legivellum/metagate/component"
	"github.com/legivellum/metagate/internal/launch"
)

// starting is who starts, and where MetaGate is. Its key is no flag: everybody sees a command line.
type starting struct {
	Servers      list          `name:"server" env:"METAGATE_URL" placeholder:"URL" help:"MetaGate's address; several with commas between them are asked in turn."`
	APIKeyFile   string        `name:"api-key-file" env:"METAGATE_API_KEY_FILE" placeholder:"FILE" help:"File with the API key or JWT, read again for each request. Without it the key is METAGATE_API_KEY, or systemd's credential metagate-api-key."`
	APIKeyHeader string        `name:"api-key-header" env:"METAGATE_API_KEY_HEADER" default:"X-API-Key" help:"Header that carries the API key."`
	Component    string        `env:"METAGATE_COMPONENT" placeholder:"KEY" help:"The component_key: what is started."`
	Principal    string        `env:"METAGATE_PRINCIPAL" placeholder:"KEY" help:"Whose key it should be; another's is refused."`
	InstanceID   string        `name:"instance-id" env:"METAGATE_INSTANCE_ID" placeholder:"ID" help:"Which replica this is, the same after each restart."`
	Labels       string        `env:"METAGATE_LABELS" placeholder:"NAME=VALUE,..." help:"Labels for the receipt."`
	Budget       time.Duration `env:"METAGATE_BUDGET" default:"5s" help:"How long the packet is asked for."`
	Build        string        `name:"build-version" env:"METAGATE_BUILD_VERSION" default:"unknown" placeholder:"TEXT" help:"Version that is reported with READY."`

	Templates texts  `name:"template" env:"METAGATE_TEMPLATE" placeholder:"SRC:DST" help:"Render a text/template from the packet; again for more of them."`
	FileMode  string `name:"file-mode" env:"METAGATE_FILE_MODE" default:"0600" help:"Mode of the packet's file."`
}

// list are texts with commas between them.
type list []string

// Decode implements kong.MapperValue.
func (l *list) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("list", &text); err != nil {
		return err
	}
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one != "" {
			*l = append(*l, one)
		}
	}
	return nil
}

// texts are those that a flag has, given as often as need be; a variable has them as lines or as a JSON list.
type texts []string

// config is what starts, or what is wrong with it.
func (c *starting) config() (component.Config, error) {
	for name, value := range map[string]string{"METAGATE_API_KEY_FILE": c.APIKeyFile, "METAGATE_LABELS": c.Labels} {
		if value != "" {
			if err := os.Setenv(name, value); err != nil { // the flag wins
				return component.Config{}, err
			}
		}
	}
	cfg := component.FromEnv()
	cfg.CacheDir = "" // that is for exec to say
	cfg.Addresses, cfg.Component, cfg.Principal, cfg.InstanceID = c.Servers, c.Component, c.Principal, c.InstanceID
	cfg.APIKeyHeader, cfg.Budget, cfg.Version = c.APIKeyHeader, c.Budget, c.Build
	cfg.ReportBudget = 2 * time.Second // the end isn't held up for longer
	switch {
	case len(cfg.Addresses) == 0:
		return cfg, wrong("no server: set METAGATE_URL or --server")
	case cfg.Component == "":
		return cfg, wrong("no component: set METAGATE_COMPONENT or --component")
	case cfg.APIKey == "" && cfg.APIKeyFile == "":
		return cfg, wrong("no API key: set METAGATE_API_KEY or METAGATE_API_KEY_FILE (metagate keys issue makes one)")
	case cfg.APIKey != "" && cfg.APIKeyFile != "":
		return cfg, wrong("METAGATE_API_KEY and METAGATE_API_KEY_FILE are both set: set one of them")
	case cfg.Budget <= 0:
		return cfg, wrong("METAGATE_BUDGET: write a time such as 5s")
	}
	return cfg, nil
}

// begin says in cfg who starts, and what is written.
func (c *starting) begin(cfg *launch.Config) (err error) {
	if cfg.Component, err = c.config(); err != nil {
		return err
	}
	mode, err := strconv.ParseUint(c.FileMode, 8, 12)
	if err != nil || mode > 0o777 {
		return wrong(fmt.Sprintf("METAGATE_FILE_MODE %q: write it as 0640", c.FileMode))
	}
	cfg.FileMode = fs.FileMode(mode)
	cfg.Templates, err = each("--template", c.Templates, launch.ParseTemplate)
	return err
}

// each reads what a flag has.
func each[T any](flag string, all texts, parse func(string) (T, error)) (out []T, err error) {
	for _, text := range all {
		one, err := parse(text)
		if err != nil {
			return nil, wrong(flag + " " + err.Error())
		}
		out = append(out, one)
	}
	return out, nil
}

// Decode implements kong.MapperValue. A flag that is given again adds to the list.
func (t *texts) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("text", &text); err != nil {
		return err
	}
	if strings.HasPrefix(text, `["`) {
		var list []string
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			return fmt.Errorf("expected lines, or a JSON list of texts, but got %q", text)
		}
		*t = append(*t, list...)
		return nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			*t = append(*t, line)
		}
	}
	return nil
}
