package outcomes

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

// Asked is what outcomes are wanted.
type Asked struct {
	By     model.OutcomeDimension
	Tenant *string // nil is all
	Since  time.Time
	Name   *string // only this one; nil is all
}

// MaxListed is how many outcomes a list has at most.
const MaxListed = 1000

var dimensions = map[model.OutcomeDimension]string{
	model.OutcomeDimensionManifestVersion: dimManifest, model.OutcomeDimensionProfile: dimProfile,
	model.OutcomeDimensionComponent: dimComponent, model.OutcomeDimensionBuildVersion: dimBuild, model.OutcomeDimensionHour: dimAll,
}

// list is what is counted, and what the reader hasn't come to yet, in one moment of
// the database: so an answer has all that was answered before it.
func list(ctx context.Context, st *store.Store, now time.Time, a Asked) (groups, error) {
	a.Since = a.Since.UTC().Truncate(time.Hour)
	out := groups{asked: a, of: map[group]figures{}}
	err := st.InSnapshot(ctx, func(q store.Queries) error {
		s, err := q.GetSink(ctx, readerName)
		if err != nil {
			return err
		}
		if err := out.counted(ctx, q); err != nil {
			return err
		}
		fresh, w := tally{}, window{since: s.Since, from: s.Position, upTo: endless}
		err = eachChange(ctx, q, w.from, time.Time{}, func(r store.ListCountedRow) error {
			fresh.add(r, w)
			return nil
		})
		if err != nil {
			return err
		}
		if err := eachWaiting(ctx, q, now, func(r store.ListWaitingRow) { fresh.wait(r, w) }); err != nil {
			return err
		}
		maps.DeleteFunc(fresh, func(c cell, _ int64) bool { return !out.wants(c) })
		if fresh, err = (names{}).bounded(ctx, q, fresh); err != nil { // what waits has the name that it is counted under
			return err
		}
		for c, n := range fresh {
			out.add(c, n)
		}
		return nil
	})
	return out, err
}

// eachWaiting reads the startups that still have time.
func eachWaiting(ctx context.Context, q store.Queries, now time.Time, f func(store.ListWaitingRow)) error {
	from, after := now, store.MinID
	for {
		rows, err := q.ListWaiting(ctx, store.ListWaitingParams{FromDeadline: from, AfterID: after, RowLimit: page})
		if err != nil {
			return err
		}
		for _, r := range rows {
			f(r)
		}
		if len(rows) < page {
			return nil
		}
		from, after = rows[len(rows)-1].DeadlineAt, rows[len(rows)-1].ID
	}
}

// groups are the figures of what was asked for.
type groups struct {
	asked Asked
	of    map[group]figures
}

type group struct {
	tenant, name string
	version      int64
	hour         int64
}

// figures are numbers by their measure.
type figures map[int64]int64

func (g groups) counted(ctx context.Context, q store.Queries) error {
	a := g.asked
	if a.By == model.OutcomeDimensionHour {
		rows, err := q.SumOutcomesByHour(ctx, store.SumOutcomesByHourParams{Since: a.Since, TenantKey: a.Tenant})
		for _, r := range rows {
			g.add(cell{tenant: r.TenantKey, dimension: dimAll, hour: hourOf(r.Hour), measure: r.Measure}, r.N)
		}
		return err
	}
	rows, err := q.SumOutcomes(ctx, store.SumOutcomesParams{Dimension: dimensions[a.By], Since: a.Since, TenantKey: a.Tenant, Name: a.Name})
	for _, r := range rows {
		g.add(cell{r.TenantKey, dimensions[a.By], r.Name, r.Version, math.MaxInt32, r.Measure}, r.N)
	}
	return err
}

// wants reports whether a cell is of what was asked for, whatever its name.
func (g groups) wants(c cell) bool {
	a := g.asked
	return c.dimension == dimensions[a.By] && c.hour >= hourOf(a.Since) && (a.Tenant == nil || c.tenant == *a.Tenant)
}

// add takes what belongs to the groups.
func (g groups) add(c cell, n int64) {
	a := g.asked
	if !g.wants(c) || (a.Name != nil && c.name != *a.Name) {
		return
	}
	key := group{c.tenant, c.name, c.version, 0}
	if a.By == model.OutcomeDimensionHour {
		key.hour = c.hour
	}
	if g.of[key] == nil {
		g.of[key] = figures{}
	}
	g.of[key][c.measure] += n
}

// List is what became of startups: those with the most first, or by hour the latest.
func List(ctx context.Context, st *store.Store, now time.Time, a Asked) ([]model.Outcome, error) {
	g, err := list(ctx, st, now, a)
	if err != nil {
		return nil, err
	}
	out := make([]model.Outcome, 0, len(g.of))
	for key, f := range g.of {
		if o := f.view(key); o.Started > 0 {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b model.Outcome) int {
		if !a.Hour.IsNull() {
			return cmp.Or(b.Hour.MustGet().Compare(a.Hour.MustGet()), cmp.Compare(a.TenantKey, b.TenantKey))
		}
		return cmp.Or(cmp.Compare(b.Started, a.Started), cmp.Compare(a.TenantKey, b.TenantKey), cmp.Compare(orEmpty(a.Name), orEmpty(b.Name)),
			cmp.Compare(orEmpty(b.Version), orEmpty(a.Version)))
	})
	return out[:min(len(out), MaxListed)], nil
}

func (f figures) view(key group) model.Outcome {
	o := model.Outcome{
		TenantKey: key.tenant, Name: orNull(key.name), Version: orNull(key.version), Hour: nullable.NewNullNullable[time.Time](),
		Started: f[started], Ready: f[ready], Failed: f[failed], Overdue: f.overdue(), Waiting: f[waiting], Late: f[late],
		TimeToReady: nullable.NewNullNullable[model.TimeToReady](),
	}
	if key.hour != 0 {
		o.Hour = nullable.NewNullableWithValue(timeOf(key.hour))
	}
	if times := f.times(); len(times) > 0 {
		o.TimeToReady = nullable.NewNullableWithValue(model.TimeToReady{P50: times.rank(.5), P95: times.rank(.95), P99: times.rank(.99)})
	}
	return o
}

// overdue is whoever neither reported nor has time left.
func (f figures) overdue() int64 { return max(0, f[started]-f[ready]-f[failed]-f[waiting]) }

// decided are the startups of which is known whether they were READY in time.
func (f figures) decided() int64 { return f[ready] + f[failed] + f.overdue() }

// bad are those of them that were not.
func (f figures) bad() int64 { return f[failed] + f.overdue() + f[late] }

// times are how many startups were READY within which span, the shortest first.
func (f figures) times() times {
	var out times
	for _, m := range slices.Sorted(maps.Keys(f)) {
		if m >= 0 && f[m] > 0 {
			out = append(out, spanCount{m, f[m]})
		}
	}
	return out
}

type times []spanCount

type spanCount struct{ span, n int64 }

func (t times) total() (n int64) {
	for _, s := range t {
		n += s.n
	}
	return n
}

// rank is a quantile in seconds, by the nearest rank.
func (t times) rank(q float64) float64 {
	left := int64(math.Ceil(q * float64(t.total())))
	for _, s := range t {
		if left -= s.n; left <= 0 {
			return rounded(secondsOf(s.span))
		}
	}
	return 0
}

// rounded is a number to three significant digits: it isn't known better.
func rounded(v float64) float64 {
	if v <= 0 {
		return 0
	}
	unit := math.Pow(10, 2-math.Floor(math.Log10(v)))
	return math.Round(v*unit) / unit
}

func orNull[T comparable](v T) nullable.Nullable[T] {
	var zero T
	if v == zero {
		return nullable.NewNullNullable[T]()
	}
	return nullable.NewNullableWithValue(v)
}

func orEmpty[T any](v nullable.Nullable[T]) T {
	out, _ := v.Get()
	return out
}
