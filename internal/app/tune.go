package app

import (
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

const (
	gcPercent = 1000
	headroom  = 80 << 20 // beside the caches; near the limit the collector works harder instead
	waiting   = 2        // threads that may wait for SQLite's disk
)

// processors are those that the runtime found at the start.
var processors = runtime.GOMAXPROCS(0)

// tune trades memory, of which a server has some to spare, for processor time.
// SQLite waits for the disk in this process, and a thread that waits keeps others
// from running Go until the runtime notices: so a few more may run than there are
// processors. GOGC, GOMEMLIMIT and GOMAXPROCS in the environment win.
func tune(c Config) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(headroom + c.PacketCacheBytes)
	}
	if os.Getenv("GOMAXPROCS") == "" && strings.HasPrefix(c.DatabaseURL, "sqlite:") {
		runtime.GOMAXPROCS(processors + waiting)
	}
}
