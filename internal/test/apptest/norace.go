//go:build !race

package apptest

// Fewer is n, and a tenth of it under the race detector.
func Fewer(n int) int { return n }
