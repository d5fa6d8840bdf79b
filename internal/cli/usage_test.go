package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWrongUsageIsOneLineThatSaysWhatToDoAndExits2(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		env  []string
		want []string
	}{
		"an unknown command":             {args: []string{"start"}, want: []string{"start", "metagate --help"}},
		"an unknown flag":                {args: []string{"--verbose"}, want: []string{"--verbose", "metagate --help"}},
		"an unknown flag of a command":   {args: []string{"serve", "--prot=1"}, want: []string{"--prot", "metagate serve --help"}},
		"a flag of another command":      {args: []string{"serve", "--ttl=1h"}, want: []string{"--ttl", "metagate serve --help"}},
		"a missing argument":             {args: []string{"token"}, want: []string{"<subject>", "metagate token --help"}},
		"one argument too many":          {args: []string{"token", "a", "b"}, want: []string{"b", "metagate token --help"}},
		"a command that is half there":   {args: []string{"migrate"}, want: []string{`"up"`, `"down"`, `"status"`, "metagate migrate --help"}},
		"a migration of another kind":    {args: []string{"migrate", "sideways"}, want: []string{"sideways", "metagate migrate --help"}},
		"a flag without its value":       {args: []string{"serve", "--port"}, want: []string{"--port", "metagate serve --help"}},
		"a number that is none":          {args: []string{"serve", "--port=abc"}, want: []string{"--port", "abc", "metagate serve --help"}},
		"a variable that is no number":   {args: []string{"serve"}, env: []string{"PORT=abc"}, want: []string{"--port", `PORT="abc"`, "metagate serve --help"}},
		"a variable that is no boolean":  {args: []string{"serve"}, env: []string{"AUTO_MIGRATE=perhaps"}, want: []string{`AUTO_MIGRATE="perhaps"`}},
		"a choice that there is not":     {args: []string{"serve"}, env: []string{"LOG_FORMAT=xml"}, want: []string{"--log-format", "auto", "json", "text", "xml"}},
		"a duration that is none":        {args: []string{"token", "--ttl=1", "a"}, want: []string{"--ttl", "metagate token --help"}},
		"a token that is never valid":    {args: []string{"token", "--ttl=0s", "a"}, want: []string{"--ttl", "metagate token --help"}},
		"a token from the past":          {args: []string{"token", "--ttl=-1h", "a"}, want: []string{"--ttl", "metagate token --help"}},
		"a health check of no port":      {args: []string{"healthcheck"}, env: []string{"PORT=http"}, want: []string{`PORT="http"`}},
		"a kind that there is not":       {args: []string{"get", "gates"}, want: []string{"principals", "api-keys", "gates", "metagate get --help"}},
		"a kind of audit entries, too":   {args: []string{"audit", "--type=gate"}, want: []string{"--type", "startups", "metagate audit --help"}},
		"an id that is none":             {args: []string{"keys", "revoke", "first"}, want: []string{"<id>", "metagate keys revoke --help"}},
		"an id of a filter that is none": {args: []string{"audit", "--id=first"}, want: []string{"--id", "metagate audit --help"}},
		"a startup that is no id":        {args: []string{"startup", "newest"}, want: []string{"<id>", "metagate startup --help"}},
		"a list of none":                 {args: []string{"get", "principals", "--limit=0"}, want: []string{"--limit", "--all", "metagate get --help"}},
		"a list of less than none":       {args: []string{"startups", "--limit=-1"}, want: []string{"--limit", "metagate startups --help"}},
		"a watch without a rest":         {args: []string{"startups", "--watch", "--every=0s"}, want: []string{"--every", "metagate startups --help"}},
		"an age that is none":            {args: []string{"startups", "--since=yesterday"}, want: []string{"--since", `"yesterday"`, "90d"}},
		"an age in the future":           {args: []string{"audit", "--since=-1h"}, want: []string{"--since", "90d"}},
		"half a day":                     {args: []string{"keys", "issue", "p", "--expires-in=0.5d"}, want: []string{"--expires-in", "90d"}},
		"two ends for an older key":      {args: []string{"keys", "rotate", "p", "--revoke-old", "--grace=1h"}, want: []string{"--revoke-old", "--grace", "metagate keys rotate --help"}},
		"keys without a verb":            {args: []string{"keys"}, want: []string{`"issue"`, `"rotate"`, "metagate keys --help"}},
		"a shell that there is not":      {args: []string{"completion", "tcsh"}, want: []string{"bash", "zsh", "fish", "tcsh"}},
		"line breaks in what was passed": {args: []string{"a\nb\r\nc"}, want: []string{"metagate --help"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := metagate(t, tc.env, tc.args...)
			require.Equal(t, 2, r.code, r.log)
			require.Empty(t, r.out)
			line := oneLine(t, r.log)
			for _, text := range tc.want {
				require.Contains(t, line, text)
			}
		})
	}
}

func TestAFlagWinsOverItsVariable(t *testing.T) {
	t.Parallel()
	env := []string{"DATABASE_URL=mysql://nowhere"}
	require.Equal(t, 1, metagate(t, env, "migrate", "status").code)
	require.Contains(t, done(t, env, "migrate", "status", "--database-url=sqlite:x.db"), "pending")
}

func TestAVariableThatIsSetToNothingMeansItsDefault(t *testing.T) {
	t.Parallel()
	var env []string
	for _, f := range flagsOf(t, "serve") {
		env = append(env, f.Envs[0]+"=")
	}
	p := serve(t, env)
	require.FileExists(t, filepath.Join(p.cmd.Dir, "metagate.db"), "the default of DATABASE_URL")
	r, err := p.client(t, "mgk_x").GetInfoWithResponse(t.Context())
	require.NoError(t, err)
	require.Equal(t, "0.1", r.JSON200.Version, "the default of METAGATE_VERSION")
	code, _ := p.stop(t, os.Interrupt)
	require.Zero(t, code)
}
