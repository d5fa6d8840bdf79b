package load

import "time"

// Report is a Result for scripts; latencies are milliseconds.
type Report struct {
	Requests  int64            `json:"requests"`
	Seconds   float64          `json:"seconds"`
	PerSecond float64          `json:"per_second"`
	P50       float64          `json:"p50_ms"`
	P90       float64          `json:"p90_ms"`
	P99       float64          `json:"p99_ms"`
	P999      float64          `json:"p999_ms"`
	Max       float64          `json:"max_ms"`
	Failed    int64            `json:"failed"`
	Failures  map[string]int64 `json:"failures"` // by status, or "network"
	Closed    int64            `json:"closed"`   // of the startups it opened, afterwards
	Open      int64            `json:"open"`     // those that could not be closed
	Note      string           `json:"note,omitempty"`
}

// Report sums a result up.
func (r Result) Report() Report {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	out := Report{
		Requests: r.Requests, Seconds: r.Took.Seconds(), PerSecond: r.PerSecond(), Failures: r.Failures, Note: r.Note,
		P50: ms(r.At(50)), P90: ms(r.At(90)), P99: ms(r.At(99)), P999: ms(r.At(99.9)), Max: ms(time.Duration(r.Histogram.Max())),
	}
	for _, n := range r.Failures {
		out.Failed += n
	}
	return out
}

// Bar is how many answers took at most UpTo, and more than the bar before.
type Bar struct {
	UpTo  time.Duration
	Count int64
}

// Bars is the histogram for people: each bar reaches twice as far.
func (r Result) Bars() []Bar {
	var out []Bar
	var below int64
	for upTo := 125 * time.Microsecond; below < r.Requests; upTo *= 2 {
		var n int64
		for _, b := range r.Histogram.Distribution() {
			if b.To <= int64(upTo) {
				n += b.Count
			}
		}
		if n > below || len(out) > 0 {
			out = append(out, Bar{upTo, n - below})
		}
		below = n
		if upTo > time.Minute {
			break
		}
	}
	return out
}
