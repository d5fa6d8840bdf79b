package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// check is one directory's check.sh, run against a fresh server.
type check struct {
	name  string
	dir   string
	args  []string // of check.sh
	tools []tool
	// fuzz runs it on both engines, each time with an admin's and with a component's key.
	fuzz bool
}

// tool is a program that has to be there, and where to get it.
type tool struct {
	program string
	args    []string // that make it succeed where it is good enough; none: it need only be there
	install string
}

var (
	goTool     = tool{"go", nil, "install Go 1.26 or later"}
	pythonTool = tool{"python3", []string{"-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))"}, "install Python 3.10 or later with venv (Debian: python3-venv)"}
	nodeTool   = tool{"node", []string{"-e", "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)"}, "install Node.js 20 or later"}
	npmTool    = tool{"npm", nil, "install npm, which comes with Node.js"}
	javaTool   = tool{"javac", nil, "install a JDK, 17 or later (Debian: default-jdk-headless)"}
	mavenTool  = tool{"mvn", nil, "install Maven (Debian: maven)"}
	cargoTool  = tool{"cargo", nil, "install Rust 1.85 or later with Cargo (https://rustup.rs)"}
	curlTool   = tool{"curl", nil, "install curl"}
)

var checks = []check{
	{name: "go", dir: "clients/go", tools: []tool{goTool}},
	{name: "python", dir: "clients/python", tools: []tool{pythonTool}},
	{name: "typescript", dir: "clients/typescript", tools: []tool{nodeTool, npmTool}},
	{name: "java", dir: "clients/java", tools: []tool{javaTool, mavenTool}},
	{name: "rust", dir: "clients/rust", tools: []tool{cargoTool, javaTool, mavenTool}}, // its generator is a Java program
	{name: "start go", dir: "examples/start", args: []string{"go"}, tools: []tool{goTool}},
	{name: "start python", dir: "examples/start", args: []string{"python"}, tools: []tool{pythonTool}},
	{name: "start javascript", dir: "examples/start", args: []string{"javascript"}, tools: []tool{nodeTool}},
	{name: "start java", dir: "examples/start", args: []string{"java"}, tools: []tool{javaTool}},
	{name: "start rust", dir: "examples/start", args: []string{"rust"}, tools: []tool{cargoTool}},
	{name: "start shell", dir: "examples/start", args: []string{"shell"}, tools: []tool{curlTool}},
	{name: "schemathesis", dir: "clients/schemathesis", tools: []tool{pythonTool}, fuzz: true},
}

// choose gives the named checks; a language without more is its client and its start.
func choose(names []string) ([]check, error) {
	if len(names) == 0 {
		return slices.DeleteFunc(slices.Clone(checks), func(c check) bool { return c.fuzz }), nil
	}
	var out []check
	for _, name := range names {
		found := false
		for _, c := range checks {
			if c.name == name || c.name == "start "+name {
				out, found = append(out, c), true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no check %q: go, python, typescript, javascript, java, rust, shell or schemathesis", name)
		}
	}
	return out, nil
}

// missing says what to install, and nothing when all is there.
func (c check) missing() string {
	for _, t := range c.tools {
		err := exec.Command(t.program, t.args...).Run()
		if len(t.args) == 0 {
			_, err = exec.LookPath(t.program)
		}
		if err != nil {
			return t.install
		}
	}
	return ""
}

// script runs check.sh. What it says goes to a log, whose end becomes part of the error.
func (c check) script(ctx context.Context, log string, env ...string) error {
	if err := os.MkdirAll("bin/clients", 0o750); err != nil {
		return err
	}
	f, err := os.Create("bin/clients/" + log + ".log")
	if err != nil {
		return err
	}
	defer f.Close()
	cmd := exec.CommandContext(ctx, "bash", append([]string{"check.sh"}, c.args...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.dir, append(os.Environ(), env...), f, f
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(f.Name()) // else the error alone
		lines := strings.Split(strings.TrimSpace(string(said)), "\n")
		return fmt.Errorf("%w; the end of %s:\n%s", err, f.Name(), strings.Join(lines[max(0, len(lines)-200):], "\n"))
	}
	return nil
}
