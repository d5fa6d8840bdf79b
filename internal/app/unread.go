package app

import (
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
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
	var unread []string
	for _, one := range environ {
		name, _, _ := strings.Cut(one, "=")
		if !strings.HasPrefix(name, prefix) || slices.Contains(known, name) || link.MatchString(name) || isLink(name) {
			continue
		}
		if meant := nearest(name, known); meant != "" {
			name += " (did you mean " + meant + "?)"
		}
		unread = append(unread, name)
	}
	slices.Sort(unread)
	return strings.Join(unread, ", ")
}

// nearest is the name that another is mistaken for: at most three letters off, and
// no more than a third of it.
func nearest(name string, known []string) (meant string) {
	least := min(3, (len(name)-len(prefix))/3) + 1
	for _, k := range known {
		if n := distance(name, k); n < least {
			meant, least = k, n
		}
	}
	return meant
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
