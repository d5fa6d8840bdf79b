package launch

import (
	"context"
	"fmt"
	"os/exec"
)

// runAlone runs a probe's program where no command is supervised.
func runAlone(ctx context.Context, argv []string) error {
	if err := exec.CommandContext(ctx, argv[0], argv[1:]...).Run(); err != nil { //nolint:gosec // the operator's own
		return fmt.Errorf("%s: %w", argv[0], err)
	}
	return nil
}
