package telemetry_test

import (
	"testing"
	"time"
)

// BenchmarkCommitted is what a commit costs beside itself: its rows share it.
func BenchmarkCommitted(b *testing.B) {
	m, _ := metrics(b)
	c := m.Commits("receipts")[0]
	for b.Loop() {
		c.Committed(17, 3*time.Millisecond, nil)
	}
}
