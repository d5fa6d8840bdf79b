package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// The libraries that complete for kong had their last release years ago, so this
// is our own: a few lines of each shell, which ask the program itself.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// completing is the hidden command that the scripts call with what was typed.
const completing = "__complete"

var completionScripts = map[string]string{
	"bash": `# source <(metagate completion bash)
_metagate() {
	local line
	COMPREPLY=()
	while IFS= read -r line; do
		COMPREPLY+=("${line%%$'\t'*}")
	done < <("${1/#\~/$HOME}" ` + completing + ` bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _metagate metagate
`,
	"zsh": `#compdef metagate
# source <(metagate completion zsh), after compinit; or a file _metagate in $fpath
_metagate() {
	local -a got
	got=("${(@f)$("${words[1]/#\~/$HOME}" ` + completing + ` zsh "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if [[ -n $got[1] ]]; then
		_describe -V metagate got
	else
		_files
	fi
}
if [[ $funcstack[1] == _metagate ]]; then
	_metagate "$@"
else
	compdef _metagate metagate
fi
`,
	"fish": `# metagate completion fish | source
function __metagate_complete
	set -l words (commandline -opc)
	set -l current (commandline -ct)
	set -l got ($words[1] ` + completing + ` fish $words[2..-1] "$current" 2>/dev/null)
	if set -q got[1]
		printf '%s\n' $got
	else
		__fish_complete_path "$current"
	end
end
complete -c metagate -f -a '(__metagate_complete)'
`,
}

func (c *completionCmd) Run(s streams) error {
	_, err := io.WriteString(s.out, completionScripts[c.Shell])
	return err
}

// candidate is a word that may come next, and what it means.
type candidate struct{ word, help string }

// complete prints what may stand where the last of words is, for a shell's script.
// Nothing means: a file, or what only the operator knows.
func complete(out io.Writer, app *kong.Node, shell string, words []string) {
	words, cut := unbroken(words)
	for _, c := range candidates(app, words) {
		help := firstSentence(c.help)
		switch shell {
		case "bash":
			fmt.Fprintln(out, strings.TrimPrefix(c.word, cut))
		case "zsh":
			fmt.Fprintln(out, strings.TrimSuffix(strings.ReplaceAll(c.word, ":", `\:`)+":"+help, ":"))
		default:
			fmt.Fprintf(out, "%s\t%s\n", c.word, help)
		}
	}
}

// unbroken puts --flag=value together again, which bash takes for three words. It
// wants to hear the last of them only: cut is what it has already.
func unbroken(words []string) (whole []string, cut string) {
	for i, w := range words {
		n := len(whole)
		switch {
		case n == 0 || !strings.HasPrefix(whole[n-1], "--"):
		case w == "=" && !strings.Contains(whole[n-1], "="):
			whole[n-1] += "="
			cut = whole[n-1]
			continue
		case i > 0 && words[i-1] == "=" && strings.HasSuffix(whole[n-1], "="):
			whole[n-1] += w
			continue
		}
		whole, cut = append(whole, w), ""
	}
	return whole, cut
}

// candidates are what may stand where the last word is.
func candidates(node *kong.Node, words []string) []candidate {
	if len(words) == 0 {
		words = []string{""}
	}
	last, flags, arguments := words[len(words)-1], node.Flags, 0
	var waiting *kong.Flag // for its value
	for _, w := range words[:len(words)-1] {
		switch child := childOf(node, w); {
		case waiting != nil:
			waiting = nil
		case strings.HasPrefix(w, "-"):
			if f := flagOf(flags, w); f != nil && !f.IsBool() && !strings.Contains(w, "=") {
				waiting = f
			}
		case child != nil:
			node, arguments = child, 0
			flags = slices.Concat(node.Flags, flags)
		default:
			arguments++
		}
	}
	name, _, valued := strings.Cut(last, "=")
	switch {
	case waiting != nil:
		return valuesOf(waiting.Value, "", last)
	case strings.HasPrefix(last, "-") && valued:
		if f := flagOf(flags, name); f != nil {
			return valuesOf(f.Value, name+"=", last)
		}
		return nil
	case strings.HasPrefix(last, "-"):
		return flagsFor(flags, last)
	case arguments < len(node.Positional):
		return valuesOf(node.Positional[arguments], "", last)
	}
	var out []candidate
	for _, n := range node.Children {
		if !n.Hidden && strings.HasPrefix(n.Name, last) {
			out = append(out, candidate{n.Name, n.Help})
		}
	}
	return out
}

func childOf(n *kong.Node, name string) *kong.Node {
	for _, child := range n.Children {
		if child.Name == name || slices.Contains(child.Aliases, name) {
			return child
		}
	}
	return nil
}

// flagOf is the flag that a word names, with its value or without.
func flagOf(flags []*kong.Flag, word string) *kong.Flag {
	name, _, _ := strings.Cut(word, "=")
	for _, f := range flags {
		if name == "--"+f.Name || (f.Short != 0 && name == "-"+string(f.Short)) {
			return f
		}
	}
	return nil
}

func flagsFor(flags []*kong.Flag, prefix string) (out []candidate) {
	for _, f := range flags {
		if word := "--" + f.Name; !f.Hidden && strings.HasPrefix(word, prefix) {
			out = append(out, candidate{word, f.Help})
		}
	}
	return out
}

// valuesOf are the values of an enumeration that a word may become, in any case.
func valuesOf(v *kong.Value, before, prefix string) (out []candidate) {
	for _, value := range v.EnumSlice() {
		if word := before + value; value != "" && strings.HasPrefix(strings.ToLower(word), strings.ToLower(prefix)) {
			out = append(out, candidate{word, ""})
		}
	}
	return out
}

func firstSentence(help string) string {
	head, _, _ := strings.Cut(help, ". ")
	return strings.TrimSuffix(head, ".")
}
