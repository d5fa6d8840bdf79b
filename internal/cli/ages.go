package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/oapi-codegen/nullable"
)

// span is a duration that knows days too: 90d, 1d12h, 30m.
type span time.Duration

// UnmarshalText is called by kong.
func (s *span) UnmarshalText(b []byte) error {
	text, days := string(b), 0
	if head, rest, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(head, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no duration: write 90d, 12h or 15m", text)
		}
		if days, text = int(n), rest; rest == "" {
			text = "0s"
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no duration: write 90d, 12h or 15m", b)
	}
	*s = span(time.Duration(days)*24*time.Hour + d)
	return nil
}

// ago is the time that long before now; nil for none.
func (s span) ago(now time.Time) *time.Time {
	if s == 0 {
		return nil
	}
	return new(now.Add(-time.Duration(s)).UTC())
}

// age is a duration in its two largest units: 31s, 2m5s, 3d4h.
func age(d time.Duration) string {
	units := []struct {
		name string
		d    time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	d = max(d, 0) // clocks differ
	for i, u := range units[:3] {
		if d < u.d {
			continue
		}
		text, next := fmt.Sprintf("%d%s", d/u.d, u.name), units[i+1]
		if rest := d % u.d / next.d; rest > 0 {
			text += fmt.Sprintf("%d%s", rest, next.name)
		}
		return text
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// took is a short duration, as startups take them: 340ms, 1.2s, 2m5s.
func took(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	default:
		return age(d)
	}
}

// since is how long before now t was; empty for never.
func since(now time.Time, t nullable.Nullable[time.Time]) string {
	if at, err := t.Get(); err == nil {
		return age(now.Sub(at))
	}
	return ""
}
