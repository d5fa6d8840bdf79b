package cli

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestAWorldIsSeenAsItWasAndRolledBack(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", meshFile, "--reason", "the mesh")
		var all []model.Revision
		require.NoError(t, json.Unmarshal([]byte(ok(t, a, "revisions", "-o", "json")), &all))
		then, world := fmt.Sprint(all[0].Revision), ok(t, a, "export")
		told := ok(t, a, "explain", "memorygate", "memorygate_main")
		ok(t, a, "apply", "--prune", "-f", file(t, "{}"), "--reason", "a mistake")

		listed := ok(t, a, "revisions")
		require.Regexp(t, `(?m)^REVISION +WHEN +WHO +WHAT +WHY$`, listed)
		require.Regexp(t, `(?m)^\d+ +\S+ \S+ +admin +delete .* principals, .* +a mistake$`, listed)
		require.Regexp(t, `(?m)^`+then+` .* +the mesh$`, listed)

		require.Equal(t, world, ok(t, a, "export", "--revision", then))
		require.Equal(t, strings.Replace(told, "would get", "would have got", 1), ok(t, a, "explain", "memorygate", "memorygate_main", "--revision", then))
		require.Contains(t, ok(t, a, "diff", "--from", then), "\n0 created, 0 updated, 25 deleted, 1 unchanged\n")
		require.Contains(t, ok(t, a, "diff", "--from", "0", "--to", then), "26 created")

		r := remotely(t.Context(), a, "rollback", then)
		require.Equal(t, 2, r.code, "nobody is asked")
		require.Contains(t, oneLine(t, r.log), "--yes")
		require.Equal(t, 4, remotely(t.Context(), a, "rollback", then, "--dry-run", "--exit-code").code)
		require.NotEqual(t, world, ok(t, a, "export"))
		const disabled = "disabled, and active then (9): asyncgate, cognigate, delegate, depotgate, interrogate, interview, memorygate, receiptgate, worker-pool;" +
			" --enable KEY makes one active again\n"
		require.Contains(t, ok(t, a, "rollback", then, "--dry-run"), " 1 unchanged\n"+disabled)
		require.Contains(t, ok(t, a, "rollback", then, "--dry-run", "--enable=asyncgate"), "active then (8): cognigate, ")
		require.Contains(t, ok(t, a, "rollback", then, "--yes", "--reason", "undone"), "done: 25 created, 0 updated, 0 deleted, 1 unchanged\n"+disabled)
		require.Contains(t, ok(t, a, "history", "--limit", "1", "-o", "yaml"), "undone")
		require.NotEqual(t, world, ok(t, a, "export"), "who was gone comes back disabled")
		enable := []string{"rollback", then, "--yes"}
		for _, m := range regexp.MustCompile(`(?m)^ +- principal_key: (\S+)`).FindAllStringSubmatch(world, -1) {
			enable = append(enable, "--enable", m[1])
		}
		again := ok(t, a, enable...)
		require.Contains(t, again, " 0 deleted, ")
		require.NotContains(t, again, "--enable")
		require.Equal(t, world, ok(t, a, "export"))

		for _, args := range [][]string{{"export", "--revision", "9000000000000000000"}, {"rollback", "9000000000000000000", "--yes"}, {"diff", "--from", "9000000000000000000"}} {
			r := remotely(t.Context(), a, args...)
			require.Equal(t, 3, r.code)
			require.Contains(t, oneLine(t, r.log), "NOT_FOUND")
		}
		require.Equal(t, 2, remotely(t.Context(), a, "diff").code)
		require.Equal(t, 2, remotely(t.Context(), a, "explain", "memorygate", "c", "--at", "yesterday").code)
	})
}

func TestAPacketIsPrintedByteForByte(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", meshFile)
		key := strings.TrimSpace(remotely(t.Context(), a, "keys", "issue", "memorygate").out)
		p := apptest.Got(a.Client(t, key).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "memorygate_main"})).Is(t, 200)
		before := p.JSON200.IssuedAt.Add(-time.Second).Format(time.RFC3339Nano)
		after := p.JSON200.IssuedAt.Add(time.Millisecond).Format(time.RFC3339Nano)
		require.Eventually(t, func() bool { return time.Since(p.JSON200.IssuedAt) > 2*time.Millisecond }, time.Minute, time.Millisecond)
		other := apptest.Got(a.Client(t, key).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "another"})).Is(t, 200)
		ok(t, a, "apply", "--prune", "-f", file(t, "{}"))
		require.Equal(t, string(other.Body), ok(t, a, "packet", "memorygate"), "the last one")
		require.Equal(t, string(p.Body), ok(t, a, "packet", "memorygate", "--component=memorygate_main"))
		require.Equal(t, string(p.Body), ok(t, a, "packet", "memorygate", "--at="+after))
		for _, none := range [][]string{{"--at=" + before}, {"--at=" + after, "--component=another"}} {
			r := remotely(t.Context(), a, append([]string{"packet", "memorygate"}, none...)...)
			require.Equal(t, 3, r.code)
			require.Contains(t, oneLine(t, r.log), "RECEIPT_RETENTION_HOURS")
		}
		id := p.JSON200.Startup.StartupID.String()
		require.Equal(t, string(p.Body), ok(t, a, "packet", id))
		require.Contains(t, ok(t, a, "packet", id, "-o", "yaml"), "\npacket_etag: ")
		r := remotely(t.Context(), a, "packet", p.JSON200.PacketID.String())
		require.Equal(t, 3, r.code)
		require.Contains(t, oneLine(t, r.log), "SESSION_NOT_FOUND")
	})
}
