// Package bootstrap is the pure core of MetaGate: what a component may learn
// at birth, and what may never be among it. It knows no HTTP and no SQL.
package bootstrap

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
)

// maxPlaceBytes bounds the report of one section. Without a bound one megabyte
// of nested offenders would ask for gigabytes of pointers.
const maxPlaceBytes = 256 << 10

// Section is one map of a write. Pointer is where it is in the request body
// (RFC 6901, such as "/services"; "" is the body itself), Doc its JSON text;
// an absent map has an empty Doc.
type Section struct {
	Pointer string
	Doc     []byte
}

// CheckForbidden refuses sections that carry a forbidden key (contract section
// 6) with one *errs.Error of code FORBIDDEN_KEYS that has the places of all of
// them, in the order given. A section that is not strict JSON is refused with
// INVALID_REQUEST, its place counted from the section.
func CheckForbidden(sections ...Section) error {
	var places []errs.Place
	for _, s := range sections {
		if len(s.Doc) == 0 {
			continue
		}
		found, err := FindForbidden(s.Doc, s.Pointer)
		if err != nil {
			return err
		}
		places = append(places, found...)
	}
	if len(places) > 0 {
		return errs.At(errs.ForbiddenKeys, "the document carries forbidden keys", places...)
	}
	return nil
}

// FindForbidden returns every member of document whose name is a forbidden key, at
// any depth, in document order, each as prefix followed by its JSON Pointer
// within document. Members of a forbidden member are looked at too. Past a hundred
// places or 256 KiB of pointers a last place says that there are more.
//
// The error is that of doc.Names: document is not strict JSON.
func FindForbidden(document []byte, prefix string) ([]errs.Place, error) {
	var places []errs.Place
	room := maxPlaceBytes
	err := doc.Names(document, func(name []byte, at func() jsontext.Pointer) {
		if room <= 0 {
			return // the list is closed; what is left is read for its syntax
		}
		key := forbiddenKey(name)
		if key == "" {
			return
		}
		place := errs.Place{Pointer: prefix + string(at()), Detail: fmt.Sprintf("%q is a forbidden key", key)}
		places = append(places, place)
		if room -= len(place.Pointer) + len(place.Detail); room <= 0 || len(places) == errs.MaxPlaces-1 {
			room = 0
			places = append(places, errs.Place{Pointer: prefix, Detail: "there may be more forbidden keys: the list ends here"})
		}
	})
	if err != nil {
		return nil, err
	}
	return places, nil
}
