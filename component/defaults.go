package component

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"
)

// withDefaults is a checked c with a value for everything that was left out.
func (c Config) withDefaults() Config {
	if c.APIKeyHeader == "" {
		c.APIKeyHeader = DefaultAPIKeyHeader
	}
	if c.Host == "" {
		c.Host, _ = os.Hostname() // a host without a name has none on the receipt
	}
	if c.Version == "" {
		c.Version = ownVersion()
	}
	if c.Budget == 0 {
		c.Budget = DefaultBudget
	}
	if c.ReportBudget == 0 {
		c.ReportBudget = DefaultBudget
	}
	if c.CacheMaxAge == 0 {
		c.CacheMaxAge = DefaultCacheMaxAge
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.clock.now == nil {
		c.clock = clock{time.Now, sleep, rand.N[time.Duration]}
	}
	return c
}

// timeout is that of one attempt under a budget.
func (c Config) timeout(budget time.Duration) time.Duration {
	if c.AttemptTimeout > 0 {
		return c.AttemptTimeout
	}
	return min(budget/time.Duration(len(c.Addresses)+1), DefaultAttemptTimeout)
}

// clock is time as the tests may have it.
type clock struct {
	now    func() time.Time
	sleep  func(context.Context, time.Duration) error
	jitter func(time.Duration) time.Duration // less than what it is given, which is positive
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
