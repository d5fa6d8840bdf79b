package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/legivellum/metagate/component"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/launch"
)

// starting is who starts, and where MetaGate is. Its key is no flag: everybody sees a command line.
type starting struct {
	Servers      app.List      `name:"server" env:"METAGATE_URL" placeholder:"URL" help:"MetaGate's address; several with commas between them are asked in turn."`
	APIKeyFile   string        `name:"api-key-file" env:"METAGATE_API_KEY_FILE" placeholder:"FILE" help:"File with the API key or JWT, read again for each request. Without it the key is METAGATE_API_KEY, or systemd's credential metagate-api-key."`
	APIKeyHeader string        `name:"api-key-header" env:"API_KEY_HEADER" default:"X-API-Key" help:"Header that carries the API key."`
	Component    string        `env:"METAGATE_COMPONENT" placeholder:"KEY" help:"The component_key: what is started."`
	Principal    string        `env:"METAGATE_PRINCIPAL" placeholder:"KEY" help:"Whose key it should be; another's is refused."`
	InstanceID   string        `name:"instance-id" env:"METAGATE_INSTANCE_ID" placeholder:"ID" help:"Which replica this is, the same after each restart."`
	Labels       string        `env:"METAGATE_LABELS" placeholder:"NAME=VALUE,..." help:"Labels for the receipt."`
	Budget       time.Duration `env:"METAGATE_BUDGET" default:"5s" help:"How long the packet is asked for."`
	Build        string        `name:"build-version" env:"METAGATE_BUILD_VERSION" default:"unknown" placeholder:"TEXT" help:"Version that is reported with READY."`

	Templates texts  `name:"template" env:"METAGATE_TEMPLATE" placeholder:"SRC:DST" help:"Render a text/template from the packet; again for more of them."`
	FileMode  string `name:"file-mode" env:"METAGATE_FILE_MODE" default:"0600" help:"Mode of the packet's file."`
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

func wrong(text string) error { return coded{errors.New(text), exitUsage} }

func (c *starting) mode() (fs.FileMode, error) {
	mode, err := strconv.ParseUint(c.FileMode, 8, 12)
	if err != nil || mode > 0o777 {
		return 0, wrong(fmt.Sprintf("METAGATE_FILE_MODE %q: write it as 0640", c.FileMode))
	}
	return fs.FileMode(mode), nil
}

// environment is what the program was started with.
type environment []string

type execCmd struct {
	starting
	Ready        texts    `env:"METAGATE_READY" placeholder:"HOW" help:"What CMD is ready by: tcp:PORT, http:PORT/PATH, exec:COMMAND, file:PATH, log:REGEXP, notify, after:TIME or exit; again for more, which must all hold. Without it: after:1s."`
	ForeignPorts bool     `env:"METAGATE_FOREIGN_PORTS" help:"Take a port for CMD's that a process listens on which is none of CMD's, as a container's."`
	Map          texts    `env:"METAGATE_MAP" placeholder:"PATH=NAME" help:"Set a variable from the packet: services.memorygate.endpoint=MEMORYGATE_URL, with ?DEFAULT behind it where it may be missing; again for more."`
	PacketFile   string   `env:"METAGATE_PACKET_FILE" placeholder:"FILE" help:"Where the packet goes; a file of its own where this is not set. CMD finds it in METAGATE_PACKET_FILE."`
	KeepKey      bool     `env:"METAGATE_KEEP_KEY" help:"Leave MetaGate's key in CMD's environment."`
	Stderr       bool     `name:"stderr" env:"METAGATE_STDERR" help:"Report the last 8 KiB that CMD wrote to stderr with FAILED."`
	Group        bool     `name:"signal-group" env:"METAGATE_SIGNAL_GROUP" help:"Pass signals on to CMD's process group, not to CMD alone."`
	Command      []string `arg:"" name:"cmd" passthrough:"partial" help:"The command, behind a --."`
}

// ended is that a command has ended, with its exit status.
type ended int

func (e ended) Error() string { return "exit status " + strconv.Itoa(int(e)) }

func (c *execCmd) Run(s streams, environ environment) error {
	cfg, err := c.launch(s.log, environ)
	if err != nil {
		return err
	}
	code, err := launch.Run(cfg)
	if e, ok := errors.AsType[*launch.Error](err); ok {
		return coded{e, e.Code}
	}
	if err == nil && code != 0 {
		return ended(code)
	}
	return err
}

func (c *execCmd) launch(log io.Writer, environ environment) (cfg launch.Config, err error) {
	cfg = launch.Config{
		Command: c.Command, Environ: environ, ForeignPorts: c.ForeignPorts, PacketFile: c.PacketFile,
		KeepKey: c.KeepKey, ReportStderr: c.Stderr, SignalGroup: c.Group, Say: func(text string) { fail(log, 0, errors.New(text)) },
	}
	if len(cfg.Command) > 0 && cfg.Command[0] == "--" {
		cfg.Command = cfg.Command[1:]
	}
	if len(cfg.Command) == 0 || cfg.Command[0] == "" {
		return cfg, wrong("no command: write metagate exec -- CMD")
	}
	if cfg.Component, err = c.config(); err != nil {
		return cfg, err
	}
	if cfg.FileMode, err = c.mode(); err != nil {
		return cfg, err
	}
	if cfg.Ready, err = each("--ready", c.Ready, launch.ParseCondition); err != nil {
		return cfg, err
	}
	if cfg.Mappings, err = each("--map", c.Map, launch.ParseMapping); err != nil {
		return cfg, err
	}
	cfg.Templates, err = each("--template", c.Templates, launch.ParseTemplate)
	return cfg, err
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
