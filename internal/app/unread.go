package app

import (
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/legivellum/metagate/internal/errs"
)

// others are variables with our prefix that other programs read: LegiVellum's gates
// and probes, the lines that dev prints, and components that import component.
var others = []string{
	"METAGATE_ENDPOINT", "METAGATE_COMPONENT_KEY", "METAGATE_BOOTSTRAP_TIMEOUT_SECONDS", "METAGATE_MCP_URL",
	"METAGATE_KEY", "METAGATE_ADMIN_KEY", "METAGATE_JWT",
	"METAGATE_API_KEY_FILE", "METAGATE_LABELS", "METAGATE_BUDGET",
	"METAGATE_CACHE_DIR", "METAGATE_CACHE_MAX_AGE", "METAGATE_VERIFY_KEYS_FILE",
}

// link is what Kubernetes says of Services whose names begin like ours.
var link = regexp.MustCompile(`_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`)

// Unread names the variables of an environment that have our prefix and that nobody
// reads, each with the name that it may have been meant to be; empty for none.
func Unread(model *kong.Application, environ []string) string {
	known := slices.Clone(others)
	_ = kong.Visit(model, func(v kong.Visitable, next kong.Next) error {
		if f, ok := v.(*kong.Flag); ok {
			known = append(append(known, f.Envs...), fileNames(f)...)
		}
		return next(nil)
	})
	var unread, ours []string
	for _, name := range known {
		if name, ok := strings.CutPrefix(name, prefix); ok {
			ours = append(ours, name)
		}
	}
	for _, one := range environ {
		name, _, _ := strings.Cut(one, "=")
		if !strings.HasPrefix(name, prefix) || slices.Contains(known, name) || link.MatchString(name) || isLink(name) {
			continue
		}
		if meant := errs.Nearest(strings.TrimPrefix(name, prefix), ours); meant != "" {
			name += " (did you mean " + prefix + meant + "?)"
		}
		unread = append(unread, name)
	}
	slices.Sort(unread)
	return strings.Join(unread, ", ")
}
