package outcomes

import (
	"cmp"
	"math"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

// The dimensions of what is counted, as in the table.
const (
	dimAll       = "all"
	dimProfile   = "profile"
	dimManifest  = "manifest"
	dimComponent = "component"
	dimBuild     = "build"
)

// The measures below 0; from 0 on a measure is a span of times to READY.
const (
	started = -1 - iota
	ready
	failed
	late    // READY after the deadline
	waiting // OPEN within the deadline: never stored, it passes without a write
)

// cell is one number of the table.
type cell struct {
	tenant, dimension, name string
	version                 int64
	hour                    int64 // since 1970
	measure                 int64
}

// tally is what has to be added to the table.
//
// A startup changes twice at most as far as it is counted here: it is opened, under
// the number opened_change, which it keeps; and it becomes READY or FAILED, under the
// number changed, which it then keeps, for nothing changes a closed one. Both numbers
// come from one row, so what the row says is enough to count it exactly, whatever
// was seen of it before: whoever counts from one number up to another counts the
// opening if opened_change is between them, and the close if changed is. In that
// the table at a position holds exactly what happened up to it, however often the
// row was read on the way, whether at its opening or not before its close.
//
// To find both, all rows are read that were changed after the one number, not only up
// to the other: one that was opened in between may have been closed since.
// Of what has happened up to the other number all is there to be read, if
// that is store.Settled's: no writer that has taken a lower number may still commit.
type tally map[cell]int64

// window is what is counted: after one change, up to another.
type window struct {
	since      int64 // what was opened up to here isn't counted at all
	from, upTo int64
}

func (w window) has(change int64) bool { return change > w.from && change <= w.upTo }

func (t tally) add(r store.ListCountedRow, w window) {
	if r.Source == string(model.StartupSourceBench) || r.OpenedChange <= w.since {
		return
	}
	at := cell{tenant: r.TenantKey, hour: hourOf(r.OpenedAt)}
	opens, closes := w.has(r.OpenedChange), r.Status != string(model.StartupStatusOPEN) && w.has(r.Changed)
	if opens {
		t.each(at, r, "", started)
	}
	if !closes {
		return
	}
	build := ""
	if r.BuildVersion != nil && r.Status == string(model.StartupStatusREADY) {
		build = *r.BuildVersion // not known before: it moves
		t.count(at, dimBuild, "", 0, started, -1)
		t.count(at, dimBuild, build, 0, started, 1)
	}
	if r.Status == string(model.StartupStatusFAILED) {
		t.each(at, r, build, failed)
		return
	}
	t.each(at, r, build, ready)
	t.each(at, r, build, spanOf(timeToReady(r)))
	if r.ReadyAt != nil && r.ReadyAt.After(r.DeadlineAt) {
		t.each(at, r, build, late)
	}
}

// open adds startups that are OPEN, as add would one by one.
func (t tally) open(r store.CountOpenedRow, hour time.Time) {
	if r.Source == string(model.StartupSourceBench) || r.Opened == 0 {
		return
	}
	once := tally{}
	once.each(cell{tenant: r.TenantKey, hour: hourOf(hour)}, store.ListCountedRow{
		ProfileKey: r.ProfileKey, ManifestKey: r.ManifestKey, ManifestVersion: r.ManifestVersion, ComponentKey: r.ComponentKey,
	}, "", started)
	for c, n := range once {
		t.count(c, c.dimension, c.name, c.version, c.measure, n*r.Opened)
	}
}

// wait adds a startup that still has time.
func (t tally) wait(r store.ListWaitingRow, w window) {
	if r.OpenedChange > w.since && r.OpenedChange <= w.upTo {
		t.each(cell{tenant: r.TenantKey, hour: hourOf(r.OpenedAt)}, store.ListCountedRow{
			ProfileKey: r.ProfileKey, ManifestKey: r.ManifestKey, ManifestVersion: r.ManifestVersion, ComponentKey: r.ComponentKey,
		}, "", waiting)
	}
}

// each counts in every dimension.
func (t tally) each(at cell, r store.ListCountedRow, build string, measure int64) {
	t.count(at, dimAll, "", 0, measure, 1)
	t.count(at, dimProfile, r.ProfileKey, 0, measure, 1)
	t.count(at, dimManifest, r.ManifestKey, r.ManifestVersion, measure, 1)
	t.count(at, dimComponent, r.ComponentKey, 0, measure, 1)
	t.count(at, dimBuild, build, 0, measure, 1)
}

func (t tally) count(at cell, dimension, name string, version, measure, n int64) {
	at.dimension, at.name, at.version, at.measure = dimension, name, version, measure
	if t[at] += n; t[at] == 0 {
		delete(t, at)
	}
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

func timeOf(hour int64) time.Time { return time.Unix(hour*3600, 0).UTC() }

// timeToReady is by the component's own clock where MetaGate was told afterwards.
func timeToReady(r store.ListCountedRow) time.Duration {
	from, to := &r.OpenedAt, cmp.Or(r.ReadyAt, &r.OpenedAt)
	if r.ClaimedOpenedAt != nil && r.ClaimedClosedAt != nil {
		from, to = r.ClaimedOpenedAt, r.ClaimedClosedAt
	}
	return max(0, to.Sub(*from))
}

// spans is how many spans of time lie between a time and its double: what is
// within one is told apart by no more than a 22nd.
const spans = 8

// spanOf is the span that a time lies in; span 0 is of all below a microsecond.
func spanOf(d time.Duration) int64 {
	if us := d.Microseconds(); us > 0 {
		return int64(math.Round(spans*math.Log2(float64(us)))) + 1
	}
	return 0
}

// secondsOf is the middle of a span.
func secondsOf(span int64) float64 {
	if span == 0 {
		return 0
	}
	return math.Exp2(float64(span-1)/spans) / 1e6
}
