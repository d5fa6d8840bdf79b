package app

import (
	"os"
	"runtime/debug"
)

const (
	gcPercent = 1000
	headroom  = 80 << 20 // beside the caches; near the limit the collector works harder instead
)

// tune trades memory, of which a server has some to spare, for processor time. GOGC
// and GOMEMLIMIT in the environment win.
func tune(c Config) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(headroom + c.PacketCacheBytes)
	}
}
