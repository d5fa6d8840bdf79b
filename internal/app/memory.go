package app

import (
	"os"
	"runtime/debug"

	"github.com/legivellum/metagate/internal/config"
)

const (
	gcPercent = 400      // the live heap is a few MiB: at 100 the collector would run all the time
	headroom  = 96 << 20 // beside the caches; near the limit the collector works harder instead
)

// tuneMemory trades memory, of which a server has some to spare, for processor
// time. GOGC and GOMEMLIMIT in the environment win.
func tuneMemory(c config.Config) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(headroom + c.PacketCacheBytes)
	}
}
