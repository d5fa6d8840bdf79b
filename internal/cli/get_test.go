package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestGetShowsEachKindAsATable(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		require.Equal(t, result{log: "none\n"}, remotely(t.Context(), a, "get", "profiles"))
		ok(t, a, "apply", "-f", meshFile)
		const rest = ` +\d+s +[0-9a-f-]{36}$`
		for args, want := range map[string]struct{ header, row string }{
			"principals worker-pool":          {`PRINCIPAL +TYPE +STATUS +SUBJECT +AGE +ID`, `worker-pool +component +active +workers@mesh` + rest},
			"Profile worker":                  {`PROFILE +STARTUP SLA +AGE +UPDATED +ID`, `worker +30s +\d+s` + rest},
			"manifests legivellum-mesh":       {`MANIFEST +VERSION +DEPLOYMENT +AGE +UPDATED +ID`, `legivellum-mesh +1 +\S+ +\d+s` + rest},
			"binding memorygate":              {`PRINCIPAL +PROFILE +MANIFEST +ACTIVE +OVERRIDES +AGE +ID`, `memorygate +gate +legivellum-mesh +yes +policy` + rest},
			"secret_refs receiptgate_api_key": {`SECRET +KIND +NAME +STATUS +AGE +ID`, `receiptgate_api_key +env +RECEIPTGATE_API_KEY +active` + rest},
			"key ADMIN_API_KEY":               {`NAME +PRINCIPAL +STATUS +EXPIRES +LAST USED +AGE +ID`, `ADMIN_API_KEY +admin +active +never +\S.*` + rest},
		} {
			kind, key, _ := strings.Cut(args, " ")
			one := strings.Split(ok(t, a, "get", kind, key), "\n")
			require.Len(t, one, 3, args)
			require.Regexp(t, "^"+want.header+"$", one[0])
			require.Regexp(t, "^"+want.row, one[1])
			require.Regexp(t, `(?m)^`+want.row, ok(t, a, "get", kind), "in the list")
			require.Regexp(t, `(?m)^`+want.row, ok(t, a, "get", kind, "--all"))

			id := one[1][len(one[1])-36:]
			document := ok(t, a, "get", kind, key, "-o", "json")
			require.Equal(t, document, ok(t, a, "get", kind, id, "-o", "json"), "by id")
			require.Contains(t, document, `"id": "`+id+`"`)
			require.Contains(t, ok(t, a, "get", kind, key, "-o", "yaml"), "\nid: "+id+"\n")
			var list []struct{ ID string }
			require.NoError(t, json.Unmarshal([]byte(ok(t, a, "get", kind, "-o", "json")), &list))
			require.Contains(t, list, struct{ ID string }{id})

			r := remotely(t.Context(), a, "get", kind, "nobody")
			require.Equal(t, exitRefused, r.code)
			require.Empty(t, r.out)
			require.Contains(t, oneLine(t, r.log), `"nobody"`)
			r = remotely(t.Context(), a, "get", kind, "00000000-0000-7000-8000-000000000000")
			require.Equal(t, exitRefused, r.code)
			require.Contains(t, oneLine(t, r.log), "NOT_FOUND")
		}
		for range 2 {
			keyFrom(t, a, "keys", "issue", "asyncgate", "--name=twice")
		}
		r := remotely(t.Context(), a, "get", "api-key", "twice")
		require.Equal(t, exitUsage, r.code)
		require.Contains(t, oneLine(t, r.log), "name the id")
	})
}

func TestGetFollowsThePages(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		var world strings.Builder
		world.WriteString("principals:\n")
		for i := range pageSize + 99 {
			fmt.Fprintf(&world, "  - {principal_key: p%04d, auth_subject: s%04d}\n", i, i)
		}
		ok(t, a, "apply", "-f", file(t, world.String()))
		for args, n := range map[string]int{"--all": 1100, "--limit=1050": 1050, "--limit=1100": 1100, "--limit=5000": 1100, "--limit=1000": 1000} {
			r := remotely(t.Context(), a, "get", "principals", args)
			require.Zero(t, r.code, r.log)
			require.Equal(t, n+1, strings.Count(r.out, "\n"), args)
			if n < 1100 {
				require.Equal(t, thousands(n)+" of more: --all shows them\n", r.log)
			} else {
				require.Empty(t, r.log)
			}
			var rows []model.Principal
			require.NoError(t, json.Unmarshal([]byte(remotely(t.Context(), a, "get", "principals", args, "-o", "json").out), &rows))
			require.Len(t, rows, n, args)
			require.Equal(t, n, strings.Count(remotely(t.Context(), a, "get", "principals", args, "-o", "yaml").out, "\n  principal_key: "), args)
		}
	})
}
