package app_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// reachApply: a document says which tenant it is about; it changes no other's.
func reachApply(t *testing.T, ours, theirs wireWorld, cross bool) {
	t.Helper()
	apply := func(query, body string) wired { return ours.admin.send(t, "POST", "/v1/admin/apply?"+query, body) }
	for _, tenant := range []string{"theirs", "nobodys"} {
		world := fmt.Sprintf(`{"tenant_key":%q,"secret_refs":[{"secret_key":"applied","ref_kind":"env","ref_name":"A"}]}`, tenant)
		for _, query := range []string{"dry_run=true", "dry_run=true&prune=true", ""} {
			got := apply(query, world)
			if !cross {
				got.refused(t, 403, "FORBIDDEN")
				continue
			}
			require.Equal(t, 200, got.Status, got.Body)
			require.NotContains(t, got.Body, "-ours")
		}
	}
	// A row of another tenant in a document of one's own is no way in either.
	p := apply("", `{"principals":[{"principal_key":"n","auth_subject":"n","tenant_key":"theirs"}]}`).refused(t, 400, "INVALID_REQUEST")
	require.Equal(t, []string{"/principals/0/tenant_key"}, pointersOf(p))
	apply("", `{"bindings":[{"principal":"p-theirs","profile":"p-theirs","manifest":"m-theirs"}]}`).refused(t, 400, "INVALID_REFERENCE")
	apply("", `{"principals":[{"principal_key":"n","auth_subject":"s-theirs"}]}`).refused(t, 409, "ALREADY_EXISTS")

	pruned := apply("dry_run=true&prune=true", `{}`)
	require.Equal(t, 200, pruned.Status, pruned.Body)
	require.Contains(t, pruned.Body, "s-ours")
	require.NotContains(t, pruned.Body, "theirs", "a plan shows one tenant, for cross-tenant admins too")
}

// reachExport: a tenant's world, and nothing of another's in it.
func reachExport(t *testing.T, ours, theirs wireWorld, cross bool) {
	t.Helper()
	own := ours.admin.send(t, "GET", "/v1/admin/export", "")
	require.Equal(t, 200, own.Status, own.Body)
	require.Contains(t, own.Body, "s-ours")
	require.NotContains(t, own.Body, "theirs")
	for _, accept := range []string{"application/json", "application/yaml"} {
		got := ours.admin.send(t, "GET", "/v1/admin/export?tenant_key=theirs", "", "Accept", accept)
		none := ours.admin.send(t, "GET", "/v1/admin/export?tenant_key=nobodys", "", "Accept", accept)
		if !cross {
			got.refused(t, 403, "FORBIDDEN")
			none.refused(t, 403, "FORBIDDEN")
			continue
		}
		require.Equal(t, 200, got.Status, got.Body)
		require.Equal(t, theirs.admin.send(t, "GET", "/v1/admin/export", "", "Accept", accept).Body, got.Body)
		require.Contains(t, got.Body, "s-theirs")
		require.NotContains(t, got.Body, "ours")
		require.Equal(t, 200, none.Status, none.Body)
	}
}

// reachExplain: whose principal it isn't, it is as absent as one that never was.
func reachExplain(t *testing.T, ours, theirs wireWorld, cross bool) {
	t.Helper()
	explain := func(id string) wired {
		return ours.admin.send(t, "GET", "/v1/admin/principals/"+id+"/packet?component_key=c", "")
	}
	own := explain(ours.principal)
	require.Equal(t, 200, own.Status, own.Body)
	require.NotContains(t, own.Body, "theirs")
	got := explain(theirs.principal)
	if cross {
		require.Equal(t, 200, got.Status, got.Body)
		require.Contains(t, got.Body, `"s-theirs"`)
		require.NotContains(t, got.Body, "ours")
		return
	}
	require.Equal(t, explain(nobodysID()).refused(t, 404, "NOT_FOUND").Detail, got.refused(t, 404, "NOT_FOUND").Detail)
}
