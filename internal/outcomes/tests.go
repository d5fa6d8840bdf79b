package outcomes

import (
	"cmp"
	"math"
	"slices"
)

// fisher is the one-sided p-value of Fisher's exact test: how probable it is, where
// both groups are alike, that of all the bad ones at least bad1 are among the n1.
func fisher(bad1, n1, bad2, n2 int64) float64 {
	bad, all := bad1+bad2, n1+n2
	p := 0.0
	for k := bad1; k <= min(bad, n1); k++ {
		if bad-k <= n2 {
			p += math.Exp(choose(n1, k) + choose(n2, bad-k) - choose(all, bad))
		}
	}
	return min(1, p)
}

// choose is the logarithm of n over k.
func choose(n, k int64) float64 {
	g := func(x int64) float64 { v, _ := math.Lgamma(float64(x + 1)); return v }
	return g(n) - g(k) - g(n-k)
}

// mannWhitney is the one-sided p-value of the Mann–Whitney test: how probable it is,
// where both take equally long, that the times of a are by so much longer than those of
// b, each made longer by a factor. By the normal approximation, corrected for ties and
// continuity, which is good from a handful of times on.
func mannWhitney(a, b times, factor float64) float64 {
	type tied struct {
		at     float64
		na, nb float64
	}
	var all []tied
	for _, s := range a {
		all = append(all, tied{float64(s.span), float64(s.n), 0})
	}
	shift := spans * math.Log2(factor)
	for _, s := range b {
		all = append(all, tied{float64(s.span) + shift, 0, float64(s.n)})
	}
	slices.SortFunc(all, func(x, y tied) int { return cmp.Compare(x.at, y.at) })
	na, nb := float64(a.total()), float64(b.total())
	n, below, u, ties := na+nb, 0.0, 0.0, 0.0
	for i := 0; i < len(all); {
		here := tied{at: all[i].at}
		for ; i < len(all) && all[i].at == here.at; i++ {
			here.na += all[i].na
			here.nb += all[i].nb
		}
		u += here.na * (below + here.nb/2) // pairs in which a took longer; of equal ones half
		below += here.nb
		t := here.na + here.nb
		ties += t*t*t - t
	}
	variance := na * nb / 12 * (n + 1 - ties/(n*(n-1)))
	if variance <= 0 {
		return 1 // all the same
	}
	z := (u - na*nb/2 - 0.5) / math.Sqrt(variance)
	return min(1, math.Erfc(z/math.Sqrt2)/2)
}
