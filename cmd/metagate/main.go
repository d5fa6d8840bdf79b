// Command metagate is the MetaGate server and its tools: see metagate --help.
package main

import (
	"os"

	"github.com/legivellum/metagate/internal/cli"
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version = "dev"

func main() { os.Exit(cli.Main(os.Args[1:], version)) }
