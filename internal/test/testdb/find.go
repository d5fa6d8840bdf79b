package testdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const image = "postgres:16"

// programs is what a private cluster is run with: one of the two.
type programs struct {
	bin    string // directory with initdb and postgres
	docker string
}

func (p programs) String() string {
	if p.bin != "" {
		return p.bin
	}
	return "container of " + image
}

// finder says where to look for PostgreSQL.
type finder struct {
	testURL string
	path    string   // as in PATH
	places  []string // glob patterns of directories beside path
	root    bool     // may install
	conf    string   // file that Debian's packages read when they install
}

func systemFinder() finder {
	return finder{
		testURL: os.Getenv(EnvURL),
		path:    os.Getenv("PATH"),
		root:    os.Geteuid() == 0,
		conf:    "/etc/postgresql-common/createcluster.d/metagate-testdb.conf",
		places: []string{
			"/usr/lib/postgresql/*/bin", // Debian
			"/usr/pgsql-*/bin",          // Red Hat
			"/opt/homebrew/opt/postgresql*/bin",
			"/usr/local/opt/postgresql*/bin",
			"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
			"/Applications/Postgres.app/Contents/Versions/*/bin",
			"/usr/local/pgsql/bin", // from source
		},
	}
}

// find gives the first way to run PostgreSQL that works, or one line that
// tells all that was tried.
func (f finder) find(ctx context.Context, w io.Writer) (programs, error) {
	if bin := f.binaries(); bin != "" {
		return programs{bin: bin}, nil
	}
	tried := []string{"no initdb and postgres in PATH, " + strings.Join(f.places, ", ")}
	err := f.install(ctx, w)
	if err == nil {
		if bin := f.binaries(); bin != "" {
			return programs{bin: bin}, nil
		}
		err = errors.New("apt-get brought none")
	}
	tried = append(tried, err.Error())
	docker, err := f.docker(ctx, w)
	if err == nil {
		return programs{docker: docker}, nil
	}
	tried = append(tried, err.Error())
	return programs{}, fmt.Errorf("no PostgreSQL: %s; install it, or set %s to postgres://user:password@host:port/database",
		oneLine(strings.Join(tried, "; ")), EnvURL)
}

var version = regexp.MustCompile(`(\d+)(\.\d+)?/bin$`)

// binaries gives the directory of initdb and postgres: the first in PATH, else
// the highest version in the usual places.
func (f finder) binaries() string {
	var usual []string
	for _, place := range f.places {
		found, _ := filepath.Glob(place) // the patterns are well-formed
		usual = append(usual, found...)
	}
	number := func(dir string) int {
		if m := version.FindStringSubmatch(filepath.ToSlash(dir)); m != nil {
			n, _ := strconv.Atoi(m[1])
			return n
		}
		return 0
	}
	slices.SortStableFunc(usual, func(a, b string) int { return cmp.Compare(number(b), number(a)) })
	for _, dir := range append(filepath.SplitList(f.path), usual...) {
		if executable(filepath.Join(dir, "initdb")) && executable(filepath.Join(dir, "postgres")) {
			return dir
		}
	}
	return ""
}

// docker gives the docker client if a daemon answers it and has the image.
func (f finder) docker(ctx context.Context, w io.Writer) (string, error) {
	docker := f.tool("docker")
	if docker == "" {
		return "", errors.New("no docker in PATH")
	}
	if _, err := output(exec.CommandContext(ctx, docker, "info")); err != nil {
		return "", errors.New("no docker daemon answers")
	}
	if _, err := output(exec.CommandContext(ctx, docker, "image", "inspect", image)); err == nil {
		return docker, nil
	}
	_, _ = fmt.Fprintln(w, "testdb: pulling", image)
	if out, err := output(exec.CommandContext(ctx, docker, "pull", image)); err != nil {
		return "", fmt.Errorf("docker pull %s failed: %s", image, out)
	}
	return docker, nil
}

func (f finder) tool(name string) string {
	for _, dir := range filepath.SplitList(f.path) {
		if file := filepath.Join(dir, name); executable(file) {
			return file
		}
	}
	return ""
}

func executable(file string) bool {
	info, err := os.Stat(file)
	return filepath.IsAbs(file) && err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// output runs cmd and gives the last line that it said.
func output(cmd *exec.Cmd) (string, error) {
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if text == "" && err != nil {
		return err.Error(), err
	}
	return text[strings.LastIndex(text, "\n")+1:], err
}
