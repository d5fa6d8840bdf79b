//go:build race

package apptest

// Fewer is a tenth of n under the race detector, which makes SQLite several times slower:
// how often isn't what it looks for.
func Fewer(n int) int { return max(1, n/10) }
