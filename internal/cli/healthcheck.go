package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/legivellum/metagate/internal/componentcli"
)

// healthcheckCmd is the container's HEALTHCHECK: the image has no shell and no curl.
type healthcheckCmd struct {
	Port        int    `env:"PORT" default:"8000" help:"Port the server listens on."`
	TLSCertFile string `name:"tls-cert-file" env:"TLS_CERT_FILE" placeholder:"FILE" help:"Set where the server speaks TLS."`
	componentcli.Startup
}

func (c *healthcheckCmd) Run(ctx context.Context, h componentcli.Host) error {
	if c.Startup.Startup { // of a component, whose container has this program
		return c.Probe(h)
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	url, client := "http://"+net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port))+"/health", http.DefaultClient
	if c.TLSCertFile != "" {
		// The certificate is for other names than this address. Nothing is told here, and
		// nothing believed but that somebody answers.
		unchecked := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // see above
		url, client = "https"+url[len("http"):], &http.Client{Transport: unchecked}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return nil
}
