package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestAuditListsWhoDidWhat(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", file(t, "profiles: [{profile_key: worker, policy: {rate: 20, old: [1]}}]"))
		ok(t, a, "apply", "--reason=bursts", "-f", file(t, "profiles: [{profile_key: worker, policy: {rate: 1.10, burst: {a: 1}}}]"))
		var entries []model.AuditEntry
		require.NoError(t, json.Unmarshal([]byte(ok(t, a, "audit", "-o", "json")), &entries))
		require.Len(t, entries, 4, "the first admin and its key, too")
		id := entries[0].ResourceID.String()

		rows := strings.Split(ok(t, a, "audit"), "\n")
		require.Len(t, rows, 6)
		require.Regexp(t, `^WHEN +WHO +WITH +WHAT +KIND +KEY +ID +WHY$`, rows[0])
		require.Regexp(t, `^20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ +admin +ADMIN_API_KEY +update +profile +worker +`+id+` +bursts$`, rows[1], "newest first")
		require.Regexp(t, ` admin +ADMIN_API_KEY +create +profile +worker +`+id+` +-$`, rows[2])
		require.Regexp(t, ` metagate \(cli\) +- +create +api key +ADMIN_API_KEY `, rows[3])
		for filter, n := range map[string]int{
			"--type=profile": 2, "--type=API_KEYS": 1, "--actor=admin": 2, "--actor=metagate": 2, "--id=" + id: 2, "--key=worker": 2, "--principal=admin": 2, "--since=1d": 4, "--all": 4,
		} {
			require.Equal(t, n+1, strings.Count(ok(t, a, "audit", filter), "\n"), filter)
		}
		require.Equal(t, result{log: "none\n"}, remotely(t.Context(), a, "audit", "--type=manifests"))
		require.Equal(t, "3 of more: --all shows them\n", remotely(t.Context(), a, "audit", "--limit=3").log)

		diff := ok(t, a, "audit", "--diff", "--type=profiles")
		require.Contains(t, diff, "worker  "+id+"  bursts\n"+
			"    + /policy/burst: {\"a\":1}\n"+
			"    - /policy/old: [1]\n"+
			"    ~ /policy/rate: 20 → 1.10\n"+
			"20", "only what differs")
		require.Contains(t, diff, "    + /profile_key: \"worker\"\n", "what was created")
		ok(t, a, "apply", "--prune", "-f", file(t, "profiles: []"))
		require.Contains(t, ok(t, a, "audit", "--diff", "--limit=5", "--type=profiles"), "    - /profile_key: \"worker\"\n", "what is gone")
	})
}
