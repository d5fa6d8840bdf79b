package componentcli

import (
	"context"
	"os"
	"time"

	"github.com/legivellum/metagate/internal/launch"
)

// Fetch is `metagate fetch`, as an init container runs it.
type Fetch struct {
	starting
	Out     string `env:"METAGATE_PACKET_FILE" name:"packet-file" placeholder:"FILE" help:"Where the packet goes."`
	Install string `env:"METAGATE_INSTALL" placeholder:"FILE" help:"Copy this program there, for a container whose image doesn't have it."`
	Check   bool   `name:"check-secrets" env:"METAGATE_CHECK_SECRETS" help:"Refuse to start where secrets that the packet requires are not there: in this container, where the next one has its own."`
}

// Run fetches the packet.
func (c *Fetch) Run(h Host) error {
	if c.Out == "" {
		return wrong("no file for the packet: set METAGATE_PACKET_FILE or --packet-file")
	}
	cfg := launch.Config{Environ: h.Environ, PacketFile: c.Out, Command: []string{"the component"}, Say: h.Say}
	if err := c.begin(&cfg); err != nil {
		return err
	}
	cfg.Component.SkipSecretCheck = !c.Check
	if c.Install != "" {
		if err := install(c.Install); err != nil {
			return err
		}
	}
	return exit(0, launch.Fetch(cfg))
}

// install copies this program.
func install(name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	return launch.WriteFile(name, program, 0o755)
}

// Startup is `metagate healthcheck --startup`, as a startup probe runs it.
type Startup struct {
	starting
	Startup    bool   `env:"METAGATE_STARTUP_PROBE" help:"Is the component of METAGATE_PACKET_FILE ready? Where fetch wrote that, --ready says by what, and READY is reported."`
	PacketFile string `env:"METAGATE_PACKET_FILE" placeholder:"FILE" help:"The packet that exec or fetch wrote."`
	Ready      texts  `env:"METAGATE_READY" placeholder:"HOW" help:"What the component is ready by: tcp:PORT, http:PORT/PATH, exec:COMMAND or file:PATH; again for more, which must all hold."`
}

// probeFor is how long a report may take: Kubernetes gives a probe one second.
const probeFor = 800 * time.Millisecond

// Run probes.
func (c *Startup) Run(h Host) error {
	if !c.Startup {
		return wrong("this program has no server to ask: write metagate healthcheck --startup")
	}
	return c.Probe(h)
}

// Probe is Run where --startup was given.
func (c *Startup) Probe(h Host) error {
	cfg := launch.Config{PacketFile: c.PacketFile, Say: h.Say}
	if cfg.PacketFile == "" {
		return wrong("no packet: set METAGATE_PACKET_FILE or --packet-file to what exec or fetch has")
	}
	if state, err := launch.ReadState(cfg.PacketFile); err != nil || !state.Launched() { // no exec: what it would know is to be found out
		if cfg.Ready, err = each("--ready", c.Ready, launch.ParseCondition); err != nil {
			return err
		}
		if len(cfg.Ready) == 0 {
			return wrong("what is it ready by? set METAGATE_READY or --ready, or start it with metagate exec")
		}
		for _, one := range cfg.Ready {
			if !one.Outside() {
				return wrong("--ready " + one.String() + ": only metagate exec can see that; from outside there are tcp:, http:, https:, exec: and file:")
			}
		}
		if cfg.Component, err = c.config(); err != nil {
			return err
		}
		cfg.Component.ReportBudget = probeFor
	}
	if err := launch.Probe(context.Background(), cfg); err != nil {
		return &Exit{1, err}
	}
	return nil
}
