package board

import (
	"cmp"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/legivellum/metagate/gen/model"
)

// outcomesView is what became of startups by the version of their manifest.
type outcomesView struct {
	Versions []version
	Compared *model.Comparison
	Bars     []bar
	Highest  int64
	Width    int
}

type version struct {
	model.Outcome
	Name           string
	Number, Before int64 // Before is the version before, if there are figures of one; else zero
	Share, Change  string
	P50, P95, Link string
	Worse          bool
	Selected       bool
}

// outcomes answers GET /board/outcomes.
func (b *Board) outcomes(_ http.ResponseWriter, r *http.Request, as api) (*view, error) {
	q := r.URL.Query()
	tenant := orNil[model.TenantKey](q.Get("tenant"))
	listed, err := got(as.ListOutcomesWithResponse(r.Context(), &model.ListOutcomesParams{TenantKey: tenant}))
	if err != nil {
		return nil, err
	}
	v := outcomesView{Versions: versions(*listed.JSON200)}
	at := slices.IndexFunc(v.Versions, func(one version) bool {
		return one.Before > 0 && (q.Get("manifest") == "" || one.Name == q.Get("manifest") && strconv.FormatInt(one.Number, 10) == q.Get("version") &&
			cmp.Or(q.Get("of"), one.TenantKey) == one.TenantKey)
	})
	if at >= 0 {
		one := &v.Versions[at]
		one.Selected = true
		compared, err := got(as.CompareOutcomesWithResponse(r.Context(), &model.CompareOutcomesParams{
			Manifest: one.Name, Version: one.Number, Against: one.Before, TenantKey: &one.TenantKey,
		}))
		if err != nil {
			return nil, err
		}
		v.Compared = compared.JSON200
		v.Bars, v.Highest = bars(v.Compared.Histogram)
		v.Width = len(v.Bars) * barStep
	}
	return &view{Page: "outcomes", Title: "Outcomes", Live: true, Data: v}, nil
}

// versions are by manifest, the newest first, each beside the one before.
func versions(all []model.Outcome) []version {
	var out []version
	for _, o := range all {
		one := version{Outcome: o, Name: val(o.Name), Number: val(o.Version), Share: percent(o)}
		if !o.TimeToReady.IsNull() {
			one.P50, one.P95 = seconds(o.TimeToReady.MustGet().P50), seconds(o.TimeToReady.MustGet().P95)
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b version) int {
		return cmp.Or(cmp.Compare(a.TenantKey, b.TenantKey), cmp.Compare(a.Name, b.Name), cmp.Compare(b.Number, a.Number))
	})
	for i := range out[:max(0, len(out)-1)] {
		one, before := &out[i], out[i+1]
		if one.Name != before.Name || one.TenantKey != before.TenantKey {
			continue
		}
		one.Before = before.Number
		one.Link = "?" + url.Values{"manifest": {one.Name}, "version": {strconv.FormatInt(one.Number, 10)}, "of": {one.TenantKey}}.Encode()
		if d, ok := difference(one.Outcome, before.Outcome); ok {
			one.Change, one.Worse = strconv.FormatFloat(d, 'f', 1, 64)+" pp", d < 0
			if d > 0 {
				one.Change = "+" + one.Change
			}
		}
	}
	return out
}

// share is how many of those who had their time were READY, in percent.
func share(o model.Outcome) (float64, bool) {
	decided := o.Started - o.Waiting
	return 100 * float64(o.Ready) / float64(max(1, decided)), decided > 0
}

func percent(o model.Outcome) string {
	s, ok := share(o)
	if !ok {
		return "–"
	}
	return strconv.FormatFloat(math.Floor(s*10)/10, 'f', -1, 64) + " %" // never 100 where one was not
}

func difference(one, before model.Outcome) (float64, bool) {
	a, ok := share(one)
	b, too := share(before)
	return a - b, ok && too
}

// A histogram has at most so many bars for each version, in units of its own.
const (
	mostBars  = 16
	barStep   = 40
	barHeight = 120
)

// bar is a span of time: how many of either version, and how high that is drawn.
type bar struct {
	X                              int
	Label                          string
	Version, Against               int64
	VersionShare, AgainstShare     string
	VersionHeight, AgainstHeight   int
	VersionTop, AgainstTop, Middle int
}

// bars make equal steps of the logarithm. Versions with unlike numbers of startups are
// compared by their shares.
func bars(all []model.HistogramSpan) (out []bar, highest int64) {
	if len(all) == 0 {
		return nil, 0
	}
	at := func(s float64) float64 { return math.Log2(max(s, 1e-6)) }
	low, high := at(all[0].Seconds), at(all[len(all)-1].Seconds)
	step := max(0.25, (high-low)/(mostBars-1))
	n := int((high-low)/step) + 1
	var versionAll, againstAll int64
	out = make([]bar, n)
	for _, s := range all {
		one := &out[min(n-1, int((at(s.Seconds)-low)/step))]
		one.Version += s.Version
		one.Against += s.Against
		versionAll, againstAll = versionAll+s.Version, againstAll+s.Against
	}
	var top float64
	of := func(n, all int64) float64 { return float64(n) / float64(max(1, all)) }
	for _, one := range out {
		top = max(top, of(one.Version, versionAll), of(one.Against, againstAll))
	}
	for i := range out {
		one := &out[i]
		one.X, one.Middle = i*barStep, i*barStep+barStep/2
		one.Label = seconds(math.Exp2(low + (float64(i)+0.5)*step))
		a, b := of(one.Version, versionAll), of(one.Against, againstAll)
		one.VersionHeight, one.AgainstHeight = int(math.Ceil(barHeight*a/top)), int(math.Ceil(barHeight*b/top))
		one.VersionTop, one.AgainstTop = barHeight-one.VersionHeight, barHeight-one.AgainstHeight
		one.VersionShare, one.AgainstShare = strconv.FormatFloat(100*a, 'f', 1, 64)+" %", strconv.FormatFloat(100*b, 'f', 1, 64)+" %"
	}
	return out, int64(math.Round(100 * top))
}
