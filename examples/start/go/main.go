// Command go starts as a component does: the package component asks until it is answered,
// checks the secrets, and reports FAILED where READY was not reported.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/legivellum/metagate/component"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	startup, err := component.Start(ctx, component.FromEnv()) // METAGATE_URL, METAGATE_API_KEY, METAGATE_COMPONENT
	if err != nil {
		return err
	}
	defer startup.Close()
	memorygate, err := startup.Service("memorygate")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "memorygate is at", memorygate.Endpoint)
	if err := startup.Ready(ctx); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "acknowledged as READY")
	return nil
}
