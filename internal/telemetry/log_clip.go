package telemetry

import (
	"fmt"
	"log/slog"
	"unicode/utf8"
)

const (
	maxLine      = 4 << 10     // bytes of a line: more than any tool that reads it would show
	longestValue = maxLine / 2 // bytes of a text in a line that was too long; halved until the line fits
)

// overlong spares formatting what won't fit: a guess, and right about texts alone.
func overlong(r slog.Record) bool {
	n := len(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		if a.Value.Kind() == slog.KindString {
			n += len(a.Value.String())
		}
		return n <= maxLine
	})
	return n > maxLine
}

// clipped is r with no text above limit bytes; what isn't a text becomes one
// where it is longer.
func clipped(r slog.Record, limit int) slog.Record {
	short := slog.NewRecord(r.Time, r.Level, clip(r.Message, limit), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		v := a.Value.Resolve()
		switch v.Kind() {
		case slog.KindString:
			v = slog.StringValue(clip(v.String(), limit))
		case slog.KindAny, slog.KindGroup:
			if text := fmt.Sprint(v.Any()); len(text) > limit {
				v = slog.StringValue(clip(text, limit))
			}
		}
		short.AddAttrs(slog.Attr{Key: a.Key, Value: v})
		return true
	})
	return short
}

// clip says how much it leaves out, and cuts no character in two.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := limit
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:end], len(s))
}
