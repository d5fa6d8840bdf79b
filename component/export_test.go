package component

import (
	"context"
	"time"
)

// What the tests see of the inside.
var (
	NewID     = newID
	VersionOf = versionOf
	Timeout   = Config.timeout
)

func init() { lingering = time.Minute } // a machine may be busy

// WithClock is a configuration with another time.
func WithClock(c Config, now func() time.Time, sleep func(context.Context, time.Duration) error, jitter func(time.Duration) time.Duration) Config {
	c.clock = clock{now, sleep, jitter}
	return c
}
