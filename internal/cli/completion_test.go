package cli

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatMayComeNextIsAskedOfTheProgram(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string][]string{
		"st":                         {"startups", "startup"},
		"health":                     nil, // hidden
		"keys ":                      {"issue", "list", "rotate", "revoke", "signing"},
		"keys ro":                    {"rotate"},
		"keys rotate worker --rev":   {"--revoke-old"},
		"--api-key x keys li":        {"list"},
		"get ":                       {"principals", "profiles", "manifests", "bindings", "secret-refs", "validators", "api-keys"},
		"get b":                      {"bindings"},
		"get bindings ":              nil,
		"startups --w":               {"--watch"},
		"history --lim":              {"--limit"},
		"startups --watch --inst":    {"--instance"},
		"startups --status o":        {"OPEN", "OVERDUE"},
		"startups --status=ack":      {"--status=ACKNOWLEDGED"},
		"startups --status OPEN -o ": {"text", "json", "yaml"},
		"startups --nothing=":        nil,
		"apply -f ":                  nil, // a file
		"apply -f world.yaml --pr":   {"--prune"},
		"completion ":                {"bash", "zsh", "fish"},
	} {
		var words []string
		for _, c := range candidates(modelOf(t).Node, strings.Split(typed, " ")) {
			words = append(words, c.word)
		}
		require.Equal(t, want, words, typed)
	}
	require.NotEmpty(t, candidates(modelOf(t).Node, nil))
}

func TestEachShellHearsItsOwnKindOfList(t *testing.T) {
	t.Parallel()
	for shell, want := range map[string]string{
		"zsh":  "startups:List who came up and who did not, newest first\nstartup:Show one startup: what",
		"fish": "startups\tList who came up and who did not, newest first\nstartup\tShow one startup",
		"bash": "startups\nstartup\n",
	} {
		var out bytes.Buffer
		require.Zero(t, run(t.Context(), []string{completing, shell, "start"}, "dev", &out, nil))
		require.Contains(t, out.String(), want)
	}
}

// shell runs a script in a shell, where that is installed; with CI=true it has to be.
func shell(t *testing.T, name, script string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") != "true" {
		t.Skipf("the completion test did not run: install %s", name)
	}
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), path)
	cmd.Stdin = strings.NewReader(script)
	cmd.Env = []string{"PATH=" + asBuilt(t) + "/bin:" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func TestBashCompletesCommandsFlagsAndValues(t *testing.T) {
	t.Parallel()
	require.Empty(t, shell(t, "bash", "bash -n <(metagate completion bash)"))
	require.Equal(t, `complete -o default -F _metagate metagate
metagate st: startups startup
metagate keys : issue list rotate revoke signing
metagate startups --stat: --status
metagate startups --status o: OPEN OVERDUE
metagate startups --status = o: OPEN OVERDUE
metagate startups --status = : OPEN READY FAILED OVERDUE SUPERSEDED ACKNOWLEDGED
metagate startups --status = OPEN --wat: --watch
metagate apply -f : 
`, shell(t, "bash", `
set -eu
source <(metagate completion bash)
complete -p metagate
typed() {
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
	_metagate metagate "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
	echo "$*: ${COMPREPLY[*]-}"
}
typed metagate st
typed metagate keys ""
typed metagate startups --stat
typed metagate startups --status o
typed metagate startups --status = o
typed metagate startups --status = ""
typed metagate startups --status = OPEN --wat
typed metagate apply -f ""
`))
}

func TestZshTakesItsCompletion(t *testing.T) {
	t.Parallel()
	require.Empty(t, shell(t, "zsh", "metagate completion zsh > ~/_metagate && zsh -n ~/_metagate"))
}

func TestFishCompletesCommandsFlagsAndValues(t *testing.T) {
	t.Parallel()
	out := shell(t, "fish", `
metagate completion fish | source
complete -C "metagate startups --stat"
complete -C "metagate startups --status ov"
`)
	require.Contains(t, out, "--status\t")
	require.Contains(t, out, "\nOVERDUE")
}
