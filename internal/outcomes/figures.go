package outcomes

import (
	"slices"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

// TimeBuckets are the upper bounds, in seconds, of the times to READY that Figures tells apart.
var TimeBuckets = []float64{.1, .25, .5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600}

// Kind is what startups have in common whose figures go together, in whichever tenants.
type Kind struct {
	Profile, Manifest string
	Version           int64 // of the manifest
}

// Figures are what has become of startups of one kind.
type Figures struct {
	Started, Ready, Failed int64
	Late                   int64   // of Ready, after their deadline
	Within                 []int64 // of Ready, by their times: those of each of TimeBuckets, and at last those above
	Seconds                float64 // what these times come to
}

// news is what a turn of the reader has counted: what it puts down is told once that is
// on disk, so that of all replicas one tells of each startup, once.
type news map[Kind]*Figures

func (n news) of(profile, manifest string, version int64) *Figures {
	k := Kind{profile, manifest, version}
	if n[k] == nil {
		n[k] = &Figures{Within: make([]int64, len(TimeBuckets)+1)}
	}
	return n[k]
}

// add takes what tally.add counts.
func (n news) add(r store.ListCountedRow, w window) {
	if r.Source == string(model.StartupSourceBench) || r.OpenedChange <= w.since {
		return
	}
	f := n.of(r.ProfileKey, r.ManifestKey, r.ManifestVersion)
	if w.has(r.OpenedChange) {
		f.Started++
	}
	switch {
	case r.Status == string(model.StartupStatusOPEN) || !w.has(r.Changed):
	case r.Status == string(model.StartupStatusFAILED):
		f.Failed++
	default:
		f.ready(timeToReady(r), r.ReadyAt != nil && r.ReadyAt.After(r.DeadlineAt))
	}
}

func (f *Figures) ready(took time.Duration, late bool) {
	f.Ready++
	if late {
		f.Late++
	}
	at, _ := slices.BinarySearch(TimeBuckets, took.Seconds())
	f.Within[at]++
	f.Seconds += took.Seconds()
}

// open takes what tally.open counts.
func (n news) open(r store.CountOpenedRow) {
	if r.Source != string(model.StartupSourceBench) && r.Opened > 0 {
		n.of(r.ProfileKey, r.ManifestKey, r.ManifestVersion).Started += r.Opened
	}
}
