package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/legivellum/metagate/gen/model"
)

type gateCmd struct {
	remote
	Manifest versioned `arg:"" placeholder:"MANIFEST@VERSION" help:"The manifest's key and the version in question."`
	Against  int64     `env:"METAGATE_AGAINST" placeholder:"VERSION" help:"The version that is good; the one before, unless given."`
	Min      int64     `env:"METAGATE_MIN" default:"20" help:"How many decided startups, and times to READY, each version must have."`
	Slower   int64     `env:"METAGATE_SLOWER" default:"10" placeholder:"PERCENT" help:"By how many percent starts may become slower."`
	Since    span      `env:"METAGATE_SINCE" placeholder:"AGE" help:"Only startups opened since, as in 24h or 90d, by whole hours."`
}

// versioned is a key and a version: mesh@8.
type versioned struct {
	key     string
	version int64
}

// UnmarshalText is called by kong.
func (v *versioned) UnmarshalText(b []byte) (err error) {
	at := strings.LastIndexByte(string(b), '@') // a key may have one
	if at > 0 {
		v.key = string(b[:at])
		v.version, err = strconv.ParseInt(string(b[at+1:]), 10, 64)
	}
	if at <= 0 || err != nil || v.version < 1 {
		return fmt.Errorf("%q is no version of a manifest: write mesh@8", b)
	}
	return nil
}

// Validate is called by kong.
func (c *gateCmd) Validate() error {
	if c.Against == 0 {
		c.Against = c.Manifest.version - 1
	}
	if c.Against < 1 {
		return fmt.Errorf("%s@%d has no version before it: say --against", c.Manifest.key, c.Manifest.version)
	}
	return nil
}

func (c *gateCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	is, err := answer[model.Comparison](m, func() (*http.Response, error) {
		return m.CompareOutcomes(ctx, &model.CompareOutcomesParams{
			Manifest: c.Manifest.key, Version: c.Manifest.version, Against: c.Against, Min: &c.Min, Slower: &c.Slower, Since: c.Since.ago(time.Now()),
		})
	})
	if err != nil {
		return err
	}
	if c.Output != "text" {
		err = encode(s.out, c.Output, is)
	} else {
		err = renderComparison(s, is)
	}
	switch {
	case err != nil:
		return err
	case is.Verdict == model.VerdictFail:
		return coded{errors.New("the gate is closed: " + strings.Join(is.Reasons, "; ")), exitClosed}
	case is.Verdict != model.VerdictPass: // whatever a newer server may say
		return coded{errors.New("too little is known: " + strings.Join(is.Reasons, "; ")), exitUnknown}
	}
	return nil
}

func renderComparison(s streams, c model.Comparison) error {
	t := outcomesTable(s)
	outcomesRow(t, c.Version)
	outcomesRow(t, c.Against)
	if err := t.flush(); err != nil {
		return err
	}
	for _, test := range c.Tests {
		what := "more not READY in time"
		if test.Name == model.ComparisonTestNameMannWhitney {
			what = fmt.Sprintf("over %d %% slower", c.Slower)
		}
		fmt.Fprintf(s.out, "%s: %s, p = %.4f, fails below %g\n", strings.ReplaceAll(string(test.Name), "_", " "), what, test.PValue, test.Alpha)
	}
	colour := red
	if c.Verdict == model.VerdictPass {
		colour = green
	}
	_, err := fmt.Fprintln(s.out, painter(s.out).in(colour, string(c.Verdict)))
	return err
}
