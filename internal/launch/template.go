package launch

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/legivellum/metagate/component"
)

// Template is a file that is rendered from the packet.
type Template struct{ source, target string }

// ParseTemplate reads SRC:DST.
func ParseTemplate(text string) (Template, error) {
	source, target, found := strings.Cut(text, ":")
	if !found || source == "" || target == "" {
		return Template{}, fmt.Errorf("%q: write it as /etc/app.conf.tmpl:/run/app.conf, the template and where it goes", text)
	}
	return Template{source, target}, nil
}

// render renders the template, a text/template with the packet as its dot; a member that isn't there is an error.
func (t Template) render(packet any, startup *component.Startup, environ []string) error {
	source, err := os.ReadFile(t.source)
	if err != nil {
		return err
	}
	parsed, err := template.New(filepath.Base(t.source)).Option("missingkey=error").Funcs(template.FuncMap{
		"get": func(path string) (any, error) {
			if value, ok := at(packet, path); ok {
				return value, nil
			}
			return nil, &MissingError{[]string{path}}
		},
		"env": func(name string) (string, error) {
			if value := lookup(environ, name); value != "" {
				return value, nil
			}
			return "", errors.New("variable " + name + " is not set")
		},
		"secret": startup.Secret,
		"json":   text,
	}).Parse(string(source))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, packet); err != nil {
		return err
	}
	if bytes.Contains(out.Bytes(), []byte("<no value>")) { // index finds nothing without an error
		return fmt.Errorf("template %s renders %q: a member that index looks for isn't there, get would say which", t.source, "<no value>")
	}
	return WriteFile(t.target, out.Bytes(), 0o600)
}

// WriteFile replaces a file at once: who opens it sees all of what was there, or all of data. mode is what it has,
// whatever the umask is.
func WriteFile(name string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
