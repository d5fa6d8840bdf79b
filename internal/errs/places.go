package errs

import (
	"strings"
)

// What an error says is bounded, whatever was sent (contract 1.8).
const (
	MaxPlaces = 100 // the last says that there may be more

	maxText    = 64 << 10 // of all places
	maxPointer = 1 << 10
	maxDetail  = 512
	maxMessage = 1 << 10
)

// Place is one offending place in a request: Pointer is an RFC 6901 JSON
// Pointer into the request body, Detail says what is wrong there.
type Place struct {
	Pointer string
	Detail  string
}

// Add names further places. The one that fills the list says that there may be
// more, and what comes after it is left out.
func (e *Error) Add(places ...Place) {
	for _, p := range places {
		if e.full {
			return
		}
		p.Pointer, p.Detail = around(p.Pointer), cut(p.Detail, maxDetail)
		e.text += len(p.Pointer) + len(p.Detail)
		if e.full = len(e.Places) == MaxPlaces-1 || e.text > maxText; e.full {
			p = Place{Detail: "there may be more: the list ends here"}
		}
		e.Places = append(e.Places, p)
	}
}

// Full reports whether Add would leave out what it is given.
func (e *Error) Full() bool { return e.full }

// around is the pointer, or that of the innermost place around it that isn't too long to show.
func around(pointer string) string {
	if len(pointer) <= maxPointer {
		return pointer
	}
	return pointer[:max(0, strings.LastIndexByte(pointer[:maxPointer+1], '/'))]
}

// cut is s, or its beginning.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
