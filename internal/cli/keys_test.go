package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// opens reports whether a key is let in, if only to hear that it is no admin's.
func opens(t *testing.T, a *apptest.App, key string) bool {
	t.Helper()
	r, err := a.Client(t, key).ListPrincipalsWithResponse(t.Context(), nil)
	require.NoError(t, err)
	require.Contains(t, []int{200, 401, 403}, r.StatusCode())
	return r.StatusCode() != 401
}

// keyFrom runs a command that prints a key, alone on stdout.
func keyFrom(t *testing.T, a *apptest.App, args ...string) (key, log string) {
	t.Helper()
	r := remotely(t.Context(), a, args...)
	require.Zero(t, r.code, r.log)
	require.Regexp(t, `^mgk_[A-Za-z0-9_-]{43}\n$`, r.out)
	require.NotContains(t, r.log, strings.TrimSpace(r.out))
	return strings.TrimSpace(r.out), r.log
}

func apiKeysOf(t *testing.T, a *apptest.App, args ...string) (keys []model.APIKey) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(ok(t, a, append(args, "-o", "json")...)), &keys))
	return keys
}

func TestAKeyIsIssuedListedAndRevoked(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for _, args := range [][]string{{"issue", "nobody"}, {"list", "nobody"}, {"rotate", "nobody"}, {"rotate", "asyncgate"}} {
			r := remotely(t.Context(), a, append([]string{"keys"}, args...)...)
			require.Equal(t, exitRefused, r.code, args)
			require.Empty(t, r.out)
			require.Contains(t, oneLine(t, r.log), args[1])
		}
		ok(t, a, "apply", "-f", meshFile)
		r := remotely(t.Context(), a, "keys", "rotate", "asyncgate")
		require.Equal(t, exitRefused, r.code)
		require.Contains(t, oneLine(t, r.log), "metagate keys issue")
		r = remotely(t.Context(), a, "keys", "revoke", uuid.NewString())
		require.Equal(t, exitRefused, r.code)
		require.Contains(t, oneLine(t, r.log), "NOT_FOUND")

		first, log := keyFrom(t, a, "keys", "issue", "asyncgate")
		require.True(t, opens(t, a, first))
		require.Regexp(t, `^a new API key of principal asyncgate, named "command line" \(\S{36}\), which never expires; it is shown only here:\n$`, log)
		second, log := keyFrom(t, a, "keys", "issue", "asyncgate", "--name=the second", "--expires-in=90d")
		require.True(t, opens(t, a, second))
		require.Regexp(t, `named "the second" \(\S{36}\), which expires 20\d\d-`, log)

		rows := strings.Split(ok(t, a, "keys", "list", "asyncgate"), "\n")
		require.Len(t, rows, 4)
		require.Regexp(t, `^NAME +PRINCIPAL +STATUS +EXPIRES +LAST USED +AGE +ID$`, rows[0])
		require.Regexp(t, `^command line +asyncgate +active +never +\S.* \d+s +\S{36}$`, rows[1])
		require.Regexp(t, `^the second +asyncgate +active +in (90d|89d23h) +\S.* \d+s +\S{36}$`, rows[2])
		require.Equal(t, 4, strings.Count(ok(t, a, "keys", "list"), "\n"), "the admin's too")
		require.Equal(t, ok(t, a, "keys", "list", "-o", "yaml"), ok(t, a, "get", "api-keys", "-o", "yaml"))

		keys := apiKeysOf(t, a, "keys", "list", "asyncgate")
		revoked := remotely(t.Context(), a, "keys", "revoke", keys[0].ID.String())
		require.Equal(t, result{log: "revoked " + keys[0].ID.String() + "\n"}, revoked)
		require.False(t, opens(t, a, first))
		require.True(t, opens(t, a, second))
		require.Contains(t, ok(t, a, "keys", "list", "asyncgate"), "revoked")

		var issued model.APIKeyIssued
		r = remotely(t.Context(), a, "keys", "issue", keys[0].PrincipalID.String(), "-o", "json")
		require.Zero(t, r.code, "by id")
		require.NoError(t, json.Unmarshal([]byte(r.out), &issued))
		require.True(t, opens(t, a, issued.APIKey))
	})
}

func TestARotatedKeyTakesThePlaceOfItsNamesakes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", meshFile)
		first, _ := keyFrom(t, a, "keys", "issue", "asyncgate", "--name=pod")
		second, log := keyFrom(t, a, "keys", "rotate", "asyncgate")
		id := apiKeysOf(t, a, "keys", "list", "asyncgate")[0].ID.String()
		require.Contains(t, log, `named "pod"`, "the one name that there is")
		require.Regexp(t, `(?m)^`+id+` \(.*\) goes on working: metagate keys revoke `+id+`$`, log)
		require.True(t, opens(t, a, first) && opens(t, a, second))

		third, log := keyFrom(t, a, "keys", "rotate", "asyncgate", "--grace=24h")
		require.Regexp(t, `(?m)^`+id+` \(.*\) expires 20\d\d-`, log)
		keys := apiKeysOf(t, a, "keys", "list", "asyncgate")
		require.Len(t, keys, 3)
		for i, k := range keys {
			require.Equal(t, i == 2, k.ExpiresAt.IsNull(), i)
			require.Equal(t, model.APIKeyStatusActive, k.Status)
		}
		was := keys[0].ExpiresAt.MustGet()
		fourth, _ := keyFrom(t, a, "keys", "rotate", "asyncgate", "--grace=48h")
		require.Equal(t, was, apiKeysOf(t, a, "keys", "list", "asyncgate")[0].ExpiresAt.MustGet(), "no longer than it had")

		other, _ := keyFrom(t, a, "keys", "issue", "asyncgate", "--name=other")
		r := remotely(t.Context(), a, "keys", "rotate", "asyncgate", "--revoke-old")
		require.Equal(t, exitUsage, r.code)
		require.Contains(t, oneLine(t, r.log), `--name, one of ["pod" "other"]`)
		fifth, log := keyFrom(t, a, "keys", "rotate", "asyncgate", "--name=pod", "--revoke-old")
		require.Equal(t, 4, strings.Count(log, "revoked "))
		for _, k := range []string{first, second, third, fourth} {
			require.False(t, opens(t, a, k))
		}
		require.True(t, opens(t, a, fifth) && opens(t, a, other))
	})
}

func TestAnAdminRotatesTheVeryKeysThatItAsksWith(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		keyFrom(t, a, "keys", "issue", "admin", "--name=ADMIN_API_KEY")
		fresh, log := keyFrom(t, a, "keys", "rotate", "admin", "--revoke-old")
		require.Equal(t, 2, strings.Count(log, "revoked "), log)
		require.False(t, opens(t, a, apptest.AdminKey))
		require.True(t, opens(t, a, fresh))
	})
}

func TestTheKeyOfAnAdminWhoIsShutOutIsRotatedByAnother(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		made := apptest.Got(a.AdminClient(t).CreatePrincipalWithResponse(t.Context(), nil, model.PrincipalCreate{PrincipalKey: "second", AuthSubject: "second", PrincipalType: "admin"})).Is(t, 201).JSON201
		keyFrom(t, a, "keys", "issue", "second")
		apptest.Got(a.AdminClient(t).UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), made.ID.String(), nil, json.RawMessage(`{"status":"disabled"}`))).Is(t, 200)
		_, log := keyFrom(t, a, "keys", "rotate", "second", "--revoke-old")
		require.Equal(t, 1, strings.Count(log, "revoked "), log)
	})
}
