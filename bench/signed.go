package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/legivellum/metagate/internal/test/testdb"
)

type signedCmd struct {
	Turns
}

// Run measures bootstraps whose packets are signed beside those whose packets aren't.
func (c signedCmd) Run(ctx context.Context) error {
	return standUp(ctx, func(ctx context.Context, dir, binary string, cluster *testdb.Cluster) error {
		file := filepath.Join(dir, "signing.pem")
		if out, err := exec.CommandContext(ctx, binary, "keys", "signing", file).CombinedOutput(); err != nil {
			return fmt.Errorf("metagate keys signing: %w: %s", err, out)
		}
		return settled{
			names: [2]string{"unsigned", "signed"}, settings: [2][]string{{"SIGNING_KEY_FILE=none"}, {"SIGNING_KEY_FILE=" + file}}, Turns: c.Turns,
		}.compare(ctx, dir, binary, cluster)
	})
}
