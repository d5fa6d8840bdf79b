package outcomes

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

// Question is what to compare: does Version start worse than Against?
type Question struct {
	Tenant           string
	Manifest         string
	Version, Against int64
	Min              int64 // startups that are decided, and times, on either side
	Slower           int64 // percent that starts may take longer
	Since            time.Time
}

// alpha is of each of the two tests: of versions that are alike at most 5 % fail one.
const alpha = 0.025

// Compare answers a question with two one-sided tests.
func Compare(ctx context.Context, st *store.Store, now time.Time, q Question) (model.Comparison, error) {
	g, err := list(ctx, st, now, Asked{By: model.OutcomeDimensionManifestVersion, Tenant: &q.Tenant, Since: q.Since, Name: &q.Manifest})
	if err != nil {
		return model.Comparison{}, err
	}
	version, against := group{tenant: q.Tenant, name: q.Manifest, version: q.Version}, group{tenant: q.Tenant, name: q.Manifest, version: q.Against}
	c := judge(g.of[version], g.of[against], q)
	c.Version, c.Against = g.of[version].view(version), g.of[against].view(against)
	c.Histogram = histogram(g.of[version].times(), g.of[against].times())
	return c, nil
}

// judge fails what is worse by either test. What too little is known of is no pass,
// but a fail if that little is bad enough.
func judge(version, against figures, q Question) model.Comparison {
	c := model.Comparison{Manifest: q.Manifest, Min: q.Min, Slower: q.Slower, Reasons: []string{}, Tests: []model.ComparisonTest{}}
	c.Verdict = model.VerdictPass
	enough := func(of string, v, a int64) bool {
		for _, side := range []struct{ version, n int64 }{{q.Version, v}, {q.Against, a}} {
			if side.n < q.Min {
				c.Verdict = model.VerdictInsufficient
				c.Reasons = append(c.Reasons, fmt.Sprintf("version %d has %d %s, of at least %d", side.version, side.n, of, q.Min))
			}
		}
		return v >= q.Min && a >= q.Min
	}
	test := func(name model.ComparisonTestName, p float64, reason string) bool {
		c.Tests = append(c.Tests, model.ComparisonTest{Name: name, PValue: p, Alpha: alpha})
		if p < alpha {
			c.Reasons = append(c.Reasons, reason)
		}
		return p < alpha
	}
	worse := false
	if v, a := version.decided(), against.decided(); enough("decided startups", v, a) {
		worse = test(model.ComparisonTestNameFisherExact, fisher(version.bad(), v, against.bad(), a),
			fmt.Sprintf("%d of %d were not READY in time, before %d of %d", version.bad(), v, against.bad(), a))
	}
	if v, a := version.times(), against.times(); enough("times to READY", v.total(), a.total()) {
		worse = test(model.ComparisonTestNameMannWhitney, mannWhitney(v, a, 1+float64(q.Slower)/100),
			fmt.Sprintf("half took longer than %g s to be READY, before %g s", v.rank(.5), a.rank(.5))) || worse
	}
	if worse {
		c.Verdict = model.VerdictFail
	}
	return c
}

// histogram has the spans that one of the two has, the shortest first.
func histogram(version, against times) []model.HistogramSpan {
	of := map[int64]model.HistogramSpan{}
	for _, s := range version {
		of[s.span] = model.HistogramSpan{Version: s.n}
	}
	for _, s := range against {
		h := of[s.span]
		h.Against = s.n
		of[s.span] = h
	}
	out := make([]model.HistogramSpan, 0, len(of))
	for _, span := range slices.Sorted(maps.Keys(of)) {
		h := of[span]
		h.Seconds = rounded(secondsOf(span))
		out = append(out, h)
	}
	return out
}
