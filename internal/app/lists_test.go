package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// lists are the list endpoints and whether they show the newest first.
var lists = map[string]bool{
	"/v1/admin/principals": false, "/v1/admin/profiles": false, "/v1/admin/manifests": false, "/v1/admin/bindings": false,
	"/v1/admin/secret-refs": false, "/v1/admin/validators": false, "/v1/admin/api-keys": false, "/v1/admin/startups": true, "/v1/admin/audit-log": true,
}

const perList = 7

// row is a list's item as far as all of them agree.
type row map[string]any

func (r row) id() string {
	if id, ok := r["id"].(string); ok {
		return id
	}
	return r["startup_id"].(string)
}

func idsOf(rows []row) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.id()
	}
	return out
}

// list gets one page: its rows, and the link to the next one or "".
func list(t *testing.T, a *apptest.App, path string) (rows []row, next string) {
	t.Helper()
	resp := get(t, a, path)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode, path)
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&rows))
	require.NotNil(t, rows, "an empty list is [], not null")
	links := resp.Header.Values("Link")
	if len(links) == 0 {
		return rows, ""
	}
	require.Len(t, links, 1)
	m := regexp.MustCompile(`^<(/v1/admin/[a-z-]+\?[^<>]+)>; rel="next"$`).FindStringSubmatch(links[0])
	require.NotNil(t, m, links[0])
	return rows, m[1]
}

func get(t *testing.T, a *apptest.App, path string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL+path, http.NoBody)
	require.NoError(t, err)
	r.Header.Set("X-API-Key", apptest.AdminKey)
	resp, err := a.HTTP(t).Do(r)
	require.NoError(t, err)
	return resp
}

// walk follows the links from path to the end and returns the pages.
func walk(t *testing.T, a *apptest.App, path string) (pages [][]row) {
	t.Helper()
	for path != "" {
		rows, next := list(t, a, path)
		pages = append(pages, rows)
		require.Less(t, len(pages), 100, "the links lead nowhere")
		path = next
	}
	return pages
}

// fill makes perList things of each kind, one after the other, and returns
// their principals.
func fill(t *testing.T, a *apptest.App) []*model.Principal {
	t.Helper()
	ctx, admin := t.Context(), a.AdminClient(t)
	out := make([]*model.Principal, perList)
	for i := range out {
		n := fmt.Sprint(i)
		p := apptest.Got(admin.CreatePrincipalWithResponse(ctx, nil, model.PrincipalCreate{PrincipalKey: "p" + n, AuthSubject: "s&" + n})).Is(t, 201).JSON201
		profile := apptest.Got(admin.CreateProfileWithResponse(ctx, nil, model.ProfileCreate{ProfileKey: "profile" + n})).Is(t, 201).JSON201
		manifest := apptest.Got(admin.CreateManifestWithResponse(ctx, nil, model.ManifestCreate{ManifestKey: "manifest" + n, DeploymentKey: "d" + fmt.Sprint(i%2)})).Is(t, 201).JSON201
		apptest.Got(admin.CreateBindingWithResponse(ctx, nil, model.BindingCreate{PrincipalID: p.ID.String(), ProfileID: profile.ID.String(), ManifestID: manifest.ID.String()})).Is(t, 201)
		apptest.Got(admin.CreateSecretRefWithResponse(ctx, nil, model.SecretRefCreate{SecretKey: "secret" + n, RefKind: "env", RefName: "N"})).Is(t, 201)
		apptest.Got(admin.CreateValidatorWithResponse(ctx, nil, model.ValidatorCreate{ValidatorKey: "validator" + n, On: "manifest", Schema: patch(`{"type":"object"}`)})).Is(t, 201)
		key := apptest.Got(admin.CreateAPIKeyWithResponse(ctx, nil, model.APIKeyCreate{PrincipalID: p.ID.String(), Name: n})).Is(t, 201).JSON201.APIKey
		startOf(t, a, key, "c"+n)
		out[i] = p
	}
	return out
}

func TestListsAreInOneOrderAndALimitCutsThem(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		fill(t, a)
		for path, newestFirst := range lists {
			all, next := list(t, a, path)
			require.Empty(t, next, path)
			require.GreaterOrEqual(t, len(all), perList, path)
			ids := idsOf(all)
			inOrder := slices.Sorted(slices.Values(ids)) // UUIDv7: in the order they were made
			if newestFirst {
				slices.Reverse(inOrder)
			}
			require.Equal(t, inOrder, ids, path)
			again, _ := list(t, a, path)
			require.Equal(t, ids, idsOf(again), path)

			for _, limit := range []int{1, 3, len(ids) - 1} {
				rows, next := list(t, a, fmt.Sprintf("%s?limit=%d", path, limit))
				require.Equal(t, ids[:limit], idsOf(rows), path)
				require.NotEmpty(t, next, path)
			}
			for _, limit := range []int{len(ids), len(ids) + 1, 1000} {
				rows, next := list(t, a, fmt.Sprintf("%s?limit=%d", path, limit))
				require.Equal(t, ids, idsOf(rows), path)
				require.Empty(t, next, "%s: nothing follows", path)
			}
		}
	})
}

func TestAListIsCutAtAHundredRowsWhereNoLimitIsAsked(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := a.AdminClient(t)
		for i := range 101 {
			apptest.Got(admin.CreateSecretRefWithResponse(t.Context(), nil, model.SecretRefCreate{SecretKey: fmt.Sprint(i), RefKind: "env", RefName: "N"})).Is(t, 201)
		}
		pages := walk(t, a, "/v1/admin/secret-refs")
		require.Len(t, pages, 2)
		require.Len(t, pages[0], 100)
		require.Len(t, pages[1], 1)
	})
}

func TestTheLinksOfAListVisitEverythingExactlyOnce(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		fill(t, a)
		for path := range lists {
			all, _ := list(t, a, path)
			for limit := 1; limit <= 4; limit++ {
				pages := walk(t, a, fmt.Sprintf("%s?limit=%d", path, limit))
				require.Len(t, pages, (len(all)+limit-1)/limit, path)
				require.Equal(t, idsOf(all), idsOf(slices.Concat(pages...)), "%s?limit=%d", path, limit)
			}
		}
	})
}

func TestALinkKeepsTheFiltersAndTheLimit(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		fill(t, a)
		since := "2020-01-01T00:00:00+00:00" // the + has to survive
		path := "/v1/admin/startups?" + url.Values{"status": {"OPEN"}, "since": {since}, "limit": {"2"}}.Encode()
		_, next := list(t, a, path)
		u, err := url.Parse(next)
		require.NoError(t, err)
		require.Equal(t, "/v1/admin/startups", u.Path)
		require.Equal(t, []string{"OPEN"}, u.Query()["status"])
		require.Equal(t, []string{since}, u.Query()["since"])
		require.Equal(t, []string{"2"}, u.Query()["limit"])
		require.Len(t, u.Query()["cursor"], 1)
		require.Len(t, slices.Concat(walk(t, a, path)...), perList)

		for _, rows := range walk(t, a, "/v1/admin/manifests?deployment_key=d1&limit=1") {
			require.Equal(t, "d1", rows[0]["deployment_key"])
		}
	})
}

func TestWhatIsMadeOrDeletedDuringAWalkDoesNotUpsetIt(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		fill(t, a)
		all, _ := list(t, a, "/v1/admin/secret-refs")
		first, next := list(t, a, "/v1/admin/secret-refs?limit=3")
		admin := a.AdminClient(t)
		for _, gone := range []row{all[0], all[2], all[4]} { // the cursor's own row too
			r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, a.URL+"/v1/admin/secret-refs/"+gone.id(), http.NoBody)
			require.NoError(t, err)
			r.Header.Set("X-API-Key", apptest.AdminKey)
			require.Equal(t, http.StatusNoContent, statusOf(t, a, r))
		}
		late := apptest.Got(admin.CreateSecretRefWithResponse(t.Context(), nil, model.SecretRefCreate{SecretKey: "late", RefKind: "env", RefName: "N"})).Is(t, 201).JSON201
		rest := slices.Concat(walk(t, a, next)...)
		require.Equal(t, []string{all[0].id(), all[1].id(), all[2].id()}, idsOf(first))
		require.Equal(t, []string{all[3].id(), all[5].id(), all[6].id(), late.ID.String()}, idsOf(rest))

		// Newest first: what is new comes before the cursor and isn't met.
		opened, _ := list(t, a, "/v1/admin/startups")
		_, next = list(t, a, "/v1/admin/startups?limit=3")
		key := apptest.Got(admin.CreateAPIKeyWithResponse(t.Context(), nil, model.APIKeyCreate{PrincipalID: principalOf(t, a, "p0").String(), Name: "k"})).Is(t, 201).JSON201.APIKey
		startOf(t, a, key, "late")
		require.Equal(t, idsOf(opened[3:]), idsOf(slices.Concat(walk(t, a, next)...)))
	})
}

func principalOf(t *testing.T, a *apptest.App, key string) model.UUID {
	t.Helper()
	found := *apptest.Got(a.AdminClient(t).ListPrincipalsWithResponse(t.Context(), nil, query("principal_key="+key))).Is(t, 200).JSON200
	require.Len(t, found, 1)
	return found[0].ID
}

func TestABadLimitOrCursorIsRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		fill(t, a)
		for path := range lists {
			_, next := list(t, a, path+"?limit=1")
			u, err := url.Parse(next)
			require.NoError(t, err)
			good := u.Query().Get("cursor")
			for _, bad := range []string{
				"limit=0", "limit=1001", "limit=-1", "limit=abc", "limit=", "limit=1.5", "limit=1e2", "limit=99999999999999999999", "limit=+5",
				"cursor=", "cursor=x", "cursor=%21%21%21", "cursor=" + good[:len(good)-1], "cursor=" + good + "A", "cursor=" + good + "==",
				"cursor=" + strings.Repeat("A", 201), "cursor=" + url.QueryEscape(good+"\n"), "cursor=%zz", "cursor=" + good + "%00",
				"cursor=0192d6b0-6f3a-7c11-8e7f-0a1b2c3d4e5f",
			} {
				resp := get(t, a, path+"?"+bad)
				var p model.Problem
				require.NoError(t, json.NewDecoder(resp.Body).Decode(&p), "%s?%s", path, bad)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, http.StatusBadRequest, resp.StatusCode, "%s?%s", path, bad)
				require.Equal(t, "INVALID_REQUEST", p.Code)
			}
		}
	})
}
