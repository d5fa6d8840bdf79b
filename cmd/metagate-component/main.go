// Command metagate-component is what of metagate stands beside a component: exec, fetch and healthcheck --startup.
package main

import (
	"os"

	"github.com/legivellum/metagate/internal/componentcli"
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version = "dev"

func main() { os.Exit(componentcli.Main(os.Args[1:], version)) }
