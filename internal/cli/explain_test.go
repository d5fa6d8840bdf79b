package cli

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestExplainShowsThePacketAndWhereItComesFrom(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", meshFile)
		rows := apptest.Got(a.AdminClient(t).ListPrincipalsWithResponse(t.Context(), &model.ListPrincipalsParams{PrincipalKey: new("memorygate")})).Is(t, 200).JSON200
		text := ok(t, a, "explain", "memorygate", "memorygate_main")
		require.Regexp(t, `^memorygate memorygate_main would get packet [0-9a-f]{64}\n`, text)
		require.Contains(t, text, "\npolicy  profile gate  overridden at /max_memory_mb\n  {\n    \"max_memory_mb\": 8192")
		require.Contains(t, text, "\nservices  manifest legivellum-mesh\n")
		require.Contains(t, text, "\nrequired_env  secret_refs default\n")
		require.Equal(t, text, ok(t, a, "explain", (*rows)[0].ID.String(), "memorygate_main"), "by id")

		policy := ok(t, a, "explain", "memorygate", "memorygate_main", "--section=policy")
		require.Contains(t, policy, "\npolicy  profile gate  overridden at /max_memory_mb\n")
		require.NotContains(t, policy, "services")
		require.Equal(t, 2, remotely(t.Context(), a, "explain", "memorygate", "memorygate_main", "--section=polices").code)

		var e model.Explanation
		require.NoError(t, json.Unmarshal([]byte(ok(t, a, "explain", "memorygate", "memorygate_main", "-o", "json")), &e))
		require.Contains(t, text, e.PacketEtag)
		require.Contains(t, ok(t, a, "explain", "worker-pool", "other"), "worker-pool other would be refused: 403 COMPONENT_NOT_PERMITTED: ")
		require.Equal(t, result{log: "none\n"}, remotely(t.Context(), a, "startups"), "none was opened")

		r := remotely(t.Context(), a, "explain", "nobody", "c")
		require.Equal(t, 3, r.code)
		require.Contains(t, oneLine(t, r.log), `"nobody"`)
		r = remotely(t.Context(), a, "explain", "memorygate", "a b")
		require.Equal(t, 3, r.code)
		require.Contains(t, oneLine(t, r.log), "component_key")
		require.Equal(t, 2, remotely(t.Context(), a, "explain", "memorygate").code)
	})
}
