package componentcli

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/legivellum/metagate/component"
)

// offline is whether a command may be started with the packet on disk while MetaGate is away.
type offline struct {
	OfflineOK      bool          `name:"offline-ok" env:"METAGATE_OFFLINE_OK" help:"Start CMD with the verified packet on disk where no MetaGate answers, and tell it afterwards. A refusal stays one."`
	CacheDir       string        `name:"cache-dir" env:"METAGATE_CACHE_DIR" placeholder:"DIR" help:"Where the packet is kept for that; by default systemd's STATE_DIRECTORY, else metagate in XDG_STATE_HOME or ~/.local/state."`
	CacheMaxAge    time.Duration `name:"cache-max-age" env:"METAGATE_CACHE_MAX_AGE" default:"24h" help:"How old that packet may be."`
	VerifyKeysFile string        `name:"verify-keys-file" env:"METAGATE_VERIFY_KEYS_FILE" placeholder:"FILE" help:"JWK set that verifies it; by default the keys that MetaGate publishes at the first start."`
}

// keep says in cfg where packets are kept: nowhere, unless they may be started with.
func (o offline) keep(cfg *component.Config) error {
	cfg.CacheDir = ""
	if !o.OfflineOK {
		return nil
	}
	if o.CacheMaxAge <= 0 {
		return wrong("METAGATE_CACHE_MAX_AGE: write a time such as 24h")
	}
	state, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
	switch home := os.Getenv("HOME"); {
	case o.CacheDir != "" && o.CacheDir != "state":
		cfg.CacheDir = o.CacheDir
	case state != "":
		cfg.CacheDir = state
	case o.CacheDir == "state":
		return wrong("METAGATE_CACHE_DIR is state, and there is no STATE_DIRECTORY: set StateDirectory= in the unit")
	case os.Getenv("XDG_STATE_HOME") != "":
		cfg.CacheDir = filepath.Join(os.Getenv("XDG_STATE_HOME"), "metagate")
	case home != "":
		cfg.CacheDir = filepath.Join(home, ".local/state/metagate")
	default:
		return wrong("nowhere to keep the packet that --offline-ok starts with: set METAGATE_CACHE_DIR or --cache-dir")
	}
	cfg.CacheMaxAge, cfg.VerifyKeysFile = o.CacheMaxAge, o.VerifyKeysFile
	return nil
}
