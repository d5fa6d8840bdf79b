package outcomes

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
)

func TestFishersTestIsWhatTheTextbooksSay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ bad1, n1, bad2, n2 int64 }{{0, 0, 0, 0}, {0, 5, 0, 5}, {0, 7, 5, 9}, {5, 5, 5, 5}} {
		require.InDelta(t, 1, fisher(c.bad1, c.n1, c.bad2, c.n2), 1e-9, "no worse is never a finding")
	}
	require.InDelta(t, 17.0/70, fisher(3, 4, 1, 4), 1e-9, "the lady tasting tea")
	require.InDelta(t, 1.0/70, fisher(4, 4, 0, 4), 1e-9)
	require.InDelta(t, 0.001379728, fisher(9, 12, 1, 12), 1e-8, "Wikipedia's example of those who study")
}

// TestFishersTestIsThatOfAllTables counts the tables with the same sums in whole numbers.
func TestFishersTestIsThatOfAllTables(t *testing.T) {
	t.Parallel()
	over := func(n, k int64) float64 {
		out := 1.0
		for i := range k {
			out = out * float64(n-i) / float64(i+1)
		}
		return math.Round(out)
	}
	for n1 := int64(1); n1 < 9; n1++ {
		for n2 := int64(1); n2 < 9; n2++ {
			for bad1 := range n1 + 1 {
				for bad2 := range n2 + 1 {
					var worse float64
					for k := bad1; k <= min(n1, bad1+bad2); k++ {
						if bad1+bad2-k <= n2 {
							worse += over(n1, k) * over(n2, bad1+bad2-k)
						}
					}
					require.InDelta(t, worse/over(n1+n2, bad1+bad2), fisher(bad1, n1, bad2, n2), 1e-9, "%d/%d %d/%d", bad1, n1, bad2, n2)
				}
			}
		}
	}
}

// TestTheMannWhitneyTestIsNearThatOfAllOrders deals the same times to two groups in every way.
func TestTheMannWhitneyTestIsNearThatOfAllOrders(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		const na, n = 7, 14
		var all [n]int64
		for i := range all {
			all[i] = r.Int64N(12) // with ties
		}
		u := func(chosen uint) (sum float64) {
			for i := range n {
				for j := range n {
					if chosen>>i&1 == 1 && chosen>>j&1 == 0 {
						if all[i] > all[j] {
							sum++
						} else if all[i] == all[j] {
							sum += .5
						}
					}
				}
			}
			return sum
		}
		first, worse, ways := u(1<<na-1), 0.0, 0.0
		for chosen := range uint(1 << n) {
			ones := 0
			for i := range n {
				ones += int(chosen >> i & 1)
			}
			if ones == na {
				ways++
				if u(chosen) >= first {
					worse++
				}
			}
		}
		var a, b times
		for i, v := range all {
			if i < na {
				a = append(a, spanCount{v, 1})
			} else {
				b = append(b, spanCount{v, 1})
			}
		}
		require.InDelta(t, worse/ways, mannWhitney(a, b, 1), 0.03)
	}
}

func TestTimesThatAreAllTheSameAreNoFinding(t *testing.T) {
	t.Parallel()
	same := times{{100, 50}}
	require.InDelta(t, 1, mannWhitney(same, same, 1), 1e-9)
	require.Less(t, mannWhitney(times{{109, 50}}, same, 1.1), 1e-6, "twice as long")
	require.Greater(t, mannWhitney(times{{101, 50}}, same, 1.1), 0.99, "9 % are allowed")
}

// drawn is how startups come out of which some are bad and whose times are spread around a median.
func drawn(r *rand.Rand, n int, bad, median float64) figures {
	f := figures{}
	for range n {
		f[started]++
		if r.Float64() < bad {
			if r.IntN(2) == 0 {
				f[failed]++
			} // else it is overdue
			continue
		}
		f[ready]++
		f[int64(spans*math.Log2(median*1e6*math.Exp(0.5*r.NormFloat64())))]++
	}
	return f
}

func TestOfAThousandPairsThatAreAlikeAtMostOneInTwentyFails(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for _, slower := range []int64{0, 10} {
		fails := 0
		for range 1000 {
			n, bad, median := 25+r.IntN(400), []float64{0, .01, .05, .3}[r.IntN(4)], 0.5+20*r.Float64()
			c := judge(drawn(r, n, bad, median), drawn(r, 25+r.IntN(400), bad, median), Question{Min: 5, Slower: slower})
			if c.Verdict == model.VerdictFail {
				fails++
			}
			require.NotEqual(t, model.VerdictInsufficient, c.Verdict)
		}
		t.Logf("slower=%d: %d of 1000 fail", slower, fails)
		require.LessOrEqual(t, fails, 50)
	}
}

func TestWhatIsWorseFails(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	fails := map[string]int{}
	for range 200 {
		good := drawn(r, 200, .02, 3)
		for what, worse := range map[string]figures{"more bad": drawn(r, 200, .15, 3), "slower": drawn(r, 200, .02, 4.5)} {
			if judge(worse, good, Question{Min: 20, Slower: 10}).Verdict == model.VerdictFail {
				fails[what]++
			}
		}
		require.NotEqual(t, model.VerdictFail, judge(drawn(r, 200, 0, 1.5), good, Question{Min: 20, Slower: 10}).Verdict, "better is no worse")
	}
	require.Greater(t, fails["more bad"], 190)
	require.Greater(t, fails["slower"], 190)
}

func TestTooLittleNeverPasses(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	some, many := drawn(r, 19, 0, 3), drawn(r, 500, 0, 3)
	for _, pair := range [][2]figures{{nil, nil}, {nil, many}, {many, nil}, {some, many}, {many, some}} {
		c := judge(pair[0], pair[1], Question{Min: 20})
		require.Equal(t, model.VerdictInsufficient, c.Verdict)
		require.NotEmpty(t, c.Reasons)
	}
	waits := figures{started: 500, waiting: 500}
	require.Equal(t, model.VerdictInsufficient, judge(waits, many, Question{Min: 20}).Verdict, "what isn't decided doesn't count")
	require.Equal(t, model.VerdictFail, judge(figures{started: 50}, many, Question{Min: 20}).Verdict, "all overdue is enough, without any time")
}

func TestAQuantileIsWithinATwentieth(t *testing.T) {
	t.Parallel()
	for us := 1.0; us < 4e13; us *= 1.0137 {
		span := int64(math.Round(spans*math.Log2(us))) + 1
		require.InEpsilon(t, us/1e6, rounded(secondsOf(span)), .05)
	}
	f := figures{0: 1, 1: 98, 161: 1}
	require.Zero(t, f.times().rank(.001))
	require.InDelta(t, 1e-6, f.times().rank(.99), 1e-9)
	require.InDelta(t, 1.05, f.times().rank(.999), .05)
}
