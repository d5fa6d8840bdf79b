package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// prefix may stand before the name of every setting, as the later Python versions have it.
const prefix = "METAGATE_"

// Environment is how settings are read beside kong's own ways: with the prefix, and
// secrets out of the file that NAME_FILE names.
func Environment() kong.Option {
	return kong.OptionFunc(func(k *kong.Kong) error {
		return errors.Join(
			kong.PostBuild(withPrefix).Apply(k),
			kong.Resolvers(kong.ResolverFunc(resolve)).Apply(k),
			kong.ValueFormatter(withFirstName).Apply(k),
		)
	})
}

// withPrefix gives every setting its second name. The variables of the commands have
// the prefix already, but for METAGATE_VERSION, which the original calls by both.
func withPrefix(k *kong.Kong) error {
	return kong.Visit(k.Model, func(v kong.Visitable, next kong.Next) error {
		if f, ok := v.(*kong.Flag); ok && len(f.Envs) == 1 {
			if name := f.Envs[0]; !strings.HasPrefix(name, prefix) || name == "METAGATE_VERSION" {
				f.Envs = append(f.Envs, prefix+name)
				f.Tag.Envs = f.Envs
			}
			f.Envs = slices.DeleteFunc(f.Envs, isLink)
			f.Tag.Envs = f.Envs
		}
		return next(nil)
	})
}

// isLink reports whether the variable is no setting but where Kubernetes says that a
// Service metagate is: METAGATE_PORT=tcp://10.0.0.1:8000.
func isLink(name string) bool {
	return strings.HasPrefix(name, prefix) && strings.HasSuffix(name, "_PORT") && strings.Contains(os.Getenv(name), "://")
}

// withFirstName is a flag's help: that there are second names is said once for all.
func withFirstName(v *kong.Value) string {
	one, tag := *v, *v.Tag
	tag.Envs = tag.Envs[:min(1, len(tag.Envs))]
	one.Tag = &tag
	return kong.DefaultHelpValueFormatter(&one)
}

// resolve refuses a setting that is said twice, and reads the file of a secret. What a
// variable says has been read by now.
func resolve(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
	said := set(f.Envs)
	if len(said) == 2 && os.Getenv(said[0]) != os.Getenv(said[1]) {
		return nil, fmt.Errorf("%s and %s are set to different values: set one of them", said[0], said[1])
	}
	files := set(fileNames(f))
	switch {
	case len(files) == 0:
		return nil, nil
	case len(files) == 2 && os.Getenv(files[0]) != os.Getenv(files[1]):
		return nil, fmt.Errorf("%s and %s are set to different values: set one of them", files[0], files[1])
	case len(said) > 0:
		return nil, fmt.Errorf("%s and %s are both set: set one of them", said[0], files[0])
	}
	text, err := os.ReadFile(os.Getenv(files[0])) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("%s: %w", files[0], err)
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return nil, fmt.Errorf("%s: the file is empty", files[0])
	}
	return secret, nil
}

// fileNames are the variables that may name a file with a secret.
func fileNames(f *kong.Flag) []string {
	if !f.Tag.Has("secret") {
		return nil
	}
	var out []string
	for _, name := range f.Envs {
		out = append(out, name+"_FILE")
	}
	return out
}

// set are the variables that are set to something.
func set(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return os.Getenv(name) == "" })
}

// List is a setting of several texts: with commas, or as JSON writes a list.
type List []string

// Decode implements kong.MapperValue. A flag that is given again adds to the list.
func (l *List) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("list", &text); err != nil {
		return err
	}
	all := strings.Split(text, ",")
	if strings.HasPrefix(strings.TrimSpace(text), "[") {
		all = nil
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			return fmt.Errorf(`expected texts with commas, or a JSON list of them, but got %q`, text)
		}
	}
	for _, one := range all {
		if one = strings.TrimSpace(one); one != "" {
			*l = append(*l, one)
		}
	}
	return nil
}
