package telemetry

import "runtime/debug"

// revision is set by the build: -ldflags "-X github.com/legivellum/metagate/internal/telemetry.revision=…".
var revision string

// builtOf is the revision that this binary was built of, as far as it knows.
func builtOf() string {
	if revision != "" {
		return revision
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}
