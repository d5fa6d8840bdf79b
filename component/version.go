package component

import "runtime/debug"

const modulePath = "github.com/legivellum/metagate/component"

// ownVersion is the build version of the running program.
func ownVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return versionOf(&debug.BuildInfo{})
	}
	return versionOf(info)
}

// versionOf is the version of the main module, else the VCS revision that was built,
// with -dirty where the tree had changes; "unknown" where nothing was stamped.
func versionOf(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	revision := settings["vcs.revision"]
	if revision == "" {
		return "unknown"
	}
	revision = revision[:min(len(revision), 12)]
	if settings["vcs.modified"] == "true" {
		revision += "-dirty"
	}
	return revision
}

// userAgent is metagate-component with the version of this module, where it is known
// (RFC 9110, section 10.1.5).
func userAgent() string {
	const name = "metagate-component"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == modulePath && m.Version != "" {
				return name + "/" + m.Version
			}
		}
	}
	return name
}
