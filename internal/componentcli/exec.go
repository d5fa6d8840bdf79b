package componentcli

import (
	"os"

	"github.com/legivellum/metagate/internal/launch"
)

// Exec is `metagate exec`.
type Exec struct {
	starting
	Ready        texts  `env:"METAGATE_READY" placeholder:"HOW" help:"What CMD is ready by: tcp:PORT, http:PORT/PATH, exec:COMMAND, file:PATH, log:REGEXP, notify, after:TIME or exit; again for more, which must all hold. Without it: after:1s."`
	ForeignPorts bool   `env:"METAGATE_FOREIGN_PORTS" help:"Take a port for CMD's that a process listens on which is none of CMD's, as a container's."`
	Map          texts  `env:"METAGATE_MAP" placeholder:"PATH=NAME" help:"Set a variable from the packet: services.memorygate.endpoint=MEMORYGATE_URL, with ?DEFAULT behind it where it may be missing; again for more."`
	PacketFile   string `env:"METAGATE_PACKET_FILE" placeholder:"FILE" help:"Where the packet goes; a file of its own where this is not set. CMD finds it in METAGATE_PACKET_FILE."`
	KeepKey      bool   `env:"METAGATE_KEEP_KEY" help:"Leave MetaGate's key in CMD's environment."`
	Stderr       bool   `name:"stderr" env:"METAGATE_STDERR" help:"Report the last 8 KiB that CMD wrote to stderr with FAILED."`
	Group        bool   `name:"signal-group" env:"METAGATE_SIGNAL_GROUP" help:"Pass signals on to CMD's process group, not to CMD alone."`
	offline
	Command []string `arg:"" name:"cmd" passthrough:"partial" help:"The command, behind a --."`
}

// Run starts the command and ends as it does.
func (c *Exec) Run(h Host) error {
	cfg, err := c.launch(h)
	if err != nil {
		return err
	}
	code, err := launch.Run(cfg)
	return exit(code, err)
}

func (c *Exec) launch(h Host) (cfg launch.Config, err error) {
	cfg = launch.Config{
		Command: c.Command, Environ: h.Environ, ForeignPorts: c.ForeignPorts,
		PacketFile: c.PacketFile, KeepKey: c.KeepKey, ReportStderr: c.Stderr, SignalGroup: c.Group, Say: h.Say,
	}
	if len(cfg.Command) > 0 && cfg.Command[0] == "--" {
		cfg.Command = cfg.Command[1:]
	}
	if len(cfg.Command) == 0 || cfg.Command[0] == "" {
		return cfg, wrong("no command: write metagate exec -- CMD")
	}
	if os.Getenv("METAGATE_STARTUP_ID") != "" && cfg.PacketFile == os.Getenv("METAGATE_PACKET_FILE") {
		cfg.PacketFile = "" // an exec around this one set both: it is that one's packet
	}
	if err := c.begin(&cfg); err != nil {
		return cfg, err
	}
	if err := c.keep(&cfg.Component); err != nil {
		return cfg, err
	}
	if cfg.Ready, err = each("--ready", c.Ready, launch.ParseCondition); err != nil {
		return cfg, err
	}
	cfg.Mappings, err = each("--map", c.Map, launch.ParseMapping)
	return cfg, err
}
