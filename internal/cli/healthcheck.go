package cli

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/legivellum/metagate/internal/componentcli"
)

// healthcheckCmd is the container's HEALTHCHECK: the image has no shell and no curl.
type healthcheckCmd struct {
	Port int `env:"PORT" default:"8000" help:"Port the server listens on."`
	componentcli.Startup
}

func (c *healthcheckCmd) Run(ctx context.Context, h componentcli.Host) error {
	if c.Startup.Startup { // of a component, whose container has this program
		return c.Probe(h)
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	url := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)) + "/health"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return nil
}
