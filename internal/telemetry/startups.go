package telemetry

import (
	"slices"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// newestVersions is how many versions of a manifest are told apart.
const newestVersions = 5

// older is the label of all the versions before them.
const older = "(older)"

// Startups are what has become of startups, as one replica has counted it.
type Startups struct {
	outcomes, late, times *prometheus.Desc
	buckets               []float64

	mu        sync.Mutex
	manifests names[string]
	versions  map[string]map[int64]*[3]int64 // by manifest: the newest, and all the others as version 0
	kinds     names[kind]
	took      map[kind]*took
	lates     int64
}

type kind struct{ profile, manifest string }

type took struct {
	within  []int64
	seconds float64
}

// outcome are the values of the label, in the order of versions' figures.
var outcome = [3]string{"started", "ready", "failed"}

// Startups registers the outcomes of startups and their times to READY, which are told
// apart by these upper bounds, in seconds.
func (m *Metrics) Startups(buckets []float64) *Startups {
	s := &Startups{
		outcomes: prometheus.NewDesc("metagate_startup_outcomes_total",
			"Startups of the newest five versions of a manifest that were opened, and what became of them; counted beside the requests, each by one replica.",
			[]string{"manifest", "version", "outcome"}, nil),
		late: prometheus.NewDesc("metagate_startups_late_total",
			"Startups that were READY after their deadline; counted as the outcomes.", nil, nil),
		times: prometheus.NewDesc("metagate_time_to_ready_seconds",
			"What startups took to be READY, by profile and manifest; counted as the outcomes.", []string{"profile", "manifest"}, nil),
		buckets: buckets, manifests: names[string]{}, versions: map[string]map[int64]*[3]int64{}, kinds: names[kind]{}, took: map[kind]*took{},
	}
	m.Register(s)
	return s
}

// Expect begins the counters of a manifest's version at 0, before anything of it starts:
// of what a counter begins with Prometheus sees no increase.
func (s *Startups) Expect(manifest string, version int64) { s.Outcomes(manifest, version, 0, 0, 0) }

// Outcomes adds startups of a manifest's version.
func (s *Startups) Outcomes(manifest string, version, started, ready, failed int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.manifests.room(manifest) {
		manifest, version = other, 0
	}
	all := s.versions[manifest]
	if all == nil {
		all = map[int64]*[3]int64{}
		s.versions[manifest] = all
	}
	if version != 0 && all[version] == nil {
		version = newest(all, version)
	}
	if all[version] == nil {
		all[version] = &[3]int64{}
	}
	for i, n := range []int64{started, ready, failed} {
		all[version][i] += n
	}
}

// newest makes room for a version, or gives 0, if it is older than those there are. What
// leaves isn't added to the others: that would be an increase of theirs.
func newest(all map[int64]*[3]int64, version int64) int64 {
	oldest, n := version, 0
	for v := range all {
		if v != 0 {
			oldest, n = min(oldest, v), n+1
		}
	}
	switch {
	case n < newestVersions:
		return version
	case oldest == version:
		return 0
	}
	delete(all, oldest)
	return version
}

// Ready adds startups that were READY: how many within each bucket, and at last above
// all, and what they took together.
func (s *Startups) Ready(profile, manifest string, within []int64, seconds float64, late int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := kind{profile, manifest}
	if !s.kinds.room(k) {
		k = kind{other, other}
	}
	if s.took[k] == nil {
		s.took[k] = &took{within: make([]int64, len(s.buckets)+1)}
	}
	t := s.took[k]
	for i, n := range within {
		t.within[i] += n
	}
	t.seconds += seconds
	s.lates += late
}

// Describe implements prometheus.Collector.
func (s *Startups) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.outcomes, s.late, s.times} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (s *Startups) Collect(to chan<- prometheus.Metric) {
	for _, m := range s.collected() {
		to <- m
	}
}

func (s *Startups) collected() (out []prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out = append(out, prometheus.MustNewConstMetric(s.late, prometheus.CounterValue, float64(s.lates)))
	for manifest, all := range s.versions {
		for version, counts := range all {
			label := strconv.FormatInt(version, 10)
			switch {
			case manifest == other:
				label = other
			case version == 0:
				label = older
			}
			for i, n := range counts {
				out = append(out, prometheus.MustNewConstMetric(s.outcomes, prometheus.CounterValue, float64(n), manifest, label, outcome[i]))
			}
		}
	}
	for k, t := range s.took {
		var sum uint64
		upTo := make(map[float64]uint64, len(s.buckets))
		for i, n := range slices.All(t.within) {
			sum += uint64(n)
			if i < len(s.buckets) {
				upTo[s.buckets[i]] = sum
			}
		}
		out = append(out, prometheus.MustNewConstHistogram(s.times, sum, t.seconds, upTo, k.profile, k.manifest))
	}
	return out
}
