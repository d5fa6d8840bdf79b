package errs_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
)

func TestANameThatIsNearlyKnownIsSuggested(t *testing.T) {
	t.Parallel()
	known := []string{"profiles", "policy", "principals", "profile_key", "dry_run", "a"}
	for name, want := range map[string]string{
		"profils": "profiles", "profile": "profiles", "Policy": "policy", "polcy": "policy", "policies": "policy", "principal": "principals", "dry-run": "dry_run", "dryrun": "dry_run",
		"porfiles": "profiles", "profile_ky": "profile_key", "b": "", "": "", "tasks": "", "ａ": "", strings.Repeat("profiles", 100_000): "",
	} {
		said := errs.DidYouMean(name, known)
		if want == "" {
			require.Empty(t, said, "%.20s", name)
			continue
		}
		require.Equal(t, ": did you mean "+want+"?", said, name)
	}
	require.Empty(t, errs.DidYouMean("x", nil))
}
