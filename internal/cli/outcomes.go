package cli

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/legivellum/metagate/gen/model"
)

type outcomesCmd struct {
	remote
	By    string `env:"METAGATE_BY" enum:"manifest-version,profile,component,build-version,hour" default:"manifest-version" placeholder:"WHAT" help:"What they are told apart by: manifest-version, profile, component, build-version or hour."`
	Since span   `env:"METAGATE_SINCE" placeholder:"AGE" help:"Only startups opened since, as in 24h or 90d, by whole hours; 7d unless given."`
}

var outcomesBy = map[string]model.OutcomeDimension{
	"manifest-version": model.OutcomeDimensionManifestVersion, "profile": model.OutcomeDimensionProfile, "component": model.OutcomeDimensionComponent,
	"build-version": model.OutcomeDimensionBuildVersion, "hour": model.OutcomeDimensionHour,
}

func (c *outcomesCmd) Run(ctx context.Context, s streams) error {
	m, err := c.connect(s)
	if err != nil {
		return err
	}
	rows, err := answer[[]model.Outcome](m, func() (*http.Response, error) {
		return m.ListOutcomes(ctx, &model.ListOutcomesParams{By: new(outcomesBy[c.By]), Since: c.Since.ago(time.Now())})
	})
	switch {
	case err != nil:
		return err
	case c.Output != "text":
		return encode(s.out, c.Output, rows)
	case len(rows) == 0:
		fmt.Fprintln(s.log, "none")
	}
	t := outcomesTable(s)
	for _, o := range rows {
		outcomesRow(t, o)
	}
	return t.flush()
}

func outcomesTable(s streams) *table {
	return newTable(s.out, "OF", "STARTED", "READY", "LATE", "FAILED", "OVERDUE", "WAITING", "P50", "P95", "P99")
}

func outcomesRow(t *table, o model.Outcome) {
	of, colour := said(o.Name), green
	if version, err := o.Version.Get(); err == nil {
		of += fmt.Sprintf("@%d", version)
	}
	if hour, err := o.Hour.Get(); err == nil {
		of = stamp(hour)
	}
	if o.Failed+o.Overdue+o.Late > 0 {
		colour = red
	}
	cells := []string{of}
	for _, n := range []int64{o.Started, o.Ready, o.Late, o.Failed, o.Overdue, o.Waiting} {
		cells = append(cells, strconv.FormatInt(n, 10))
	}
	var quantiles [3]string
	if times, err := o.TimeToReady.Get(); err == nil {
		for i, seconds := range []float64{times.P50, times.P95, times.P99} {
			quantiles[i] = took(time.Duration(seconds * float64(time.Second)))
		}
	}
	t.row(colour, append(cells, quantiles[:]...)...)
}
