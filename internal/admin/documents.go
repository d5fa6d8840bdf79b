package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	stdmaps "maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// section is a free-form document of a write.
type section struct {
	name string
	doc  *model.JSONObject
}

// maps fills absent documents in, brings each to one spelling (so that both
// engines store the same bytes) and refuses forbidden keys, all places at once.
func maps(ss ...section) error {
	checks := make([]bootstrap.Section, len(ss))
	for i, s := range ss {
		if len(*s.doc) == 0 {
			*s.doc = model.JSONObject("{}")
		}
		*s.doc = doc.Compact(*s.doc)
		checks[i] = bootstrap.Section{Pointer: "/" + s.name, Doc: *s.doc}
	}
	err := bootstrap.CheckForbidden(checks...)
	for _, s := range ss {
		if (*s.doc)[0] != '{' { // an apply's, which goes on where the schema refuses
			err = errs.Merge(err, errs.At(errs.InvalidRequest, "must be an object", errs.Place{Pointer: "/" + s.name, Detail: "must be an object"}))
		} else if s.name == "capabilities" {
			err = errs.Merge(err, allowed("/capabilities", *s.doc))
		}
	}
	return err
}

// CheckOverrides is maps for a binding: members are sections, each a merge patch.
func CheckOverrides(doc *model.JSONObject) error {
	err := maps(section{"overrides", doc})
	var patches map[string]json.RawMessage
	if json.Unmarshal(*doc, &patches) != nil {
		return err // no object: maps says so
	}
	var places []errs.Place
	for _, name := range slices.Sorted(stdmaps.Keys(patches)) {
		at := string(jsontext.Pointer("/overrides").AppendToken(name))
		switch {
		case names(err, at): // as a forbidden key, which is never a section
		case !slices.Contains(bootstrap.Sections, name):
			places = append(places, errs.Place{Pointer: at, Detail: noSection + errs.DidYouMean(name, bootstrap.Sections)})
		case !bytes.HasPrefix(patches[name], []byte("{")):
			places = append(places, errs.Place{Pointer: at, Detail: "must be an object"})
		}
	}
	if places != nil {
		err = errs.Merge(err, errs.At(errs.InvalidRequest, "overrides patch the sections of a packet", places...))
	}
	if c := patches["capabilities"]; bytes.HasPrefix(c, []byte("{")) {
		err = errs.Merge(err, allowed("/overrides/capabilities", c))
	}
	return err
}

// checkRemovals refuses a patch that takes a section out that there can't be: a typo
// must not be silent. What a patch puts in, CheckOverrides sees in its result.
func checkRemovals(patch []byte) error {
	var p struct{ Overrides map[string]json.RawMessage }
	if json.Unmarshal(patch, &p) != nil {
		return nil //nolint:nilerr // the schema says so
	}
	var places []errs.Place
	for _, name := range slices.Sorted(stdmaps.Keys(p.Overrides)) {
		if string(p.Overrides[name]) == "null" && !slices.Contains(bootstrap.Sections, name) {
			places = append(places, errs.Place{Pointer: string(jsontext.Pointer("/overrides").AppendToken(name)), Detail: noSection + errs.DidYouMean(name, bootstrap.Sections)})
		}
	}
	if places == nil {
		return nil
	}
	return errs.At(errs.InvalidRequest, "overrides patch the sections of a packet", places...)
}

const noSection = "no section of a packet"

// names reports whether err has a place already.
func names(err error, at string) bool {
	e, ok := errors.AsType[*errs.Error](err)
	return ok && slices.ContainsFunc(e.Places, func(p errs.Place) bool { return p.Pointer == at })
}

func allowed(at string, capabilities []byte) error {
	if _, err := bootstrap.AllowedComponents(capabilities); err != nil {
		return errs.At(errs.InvalidRequest, err.Error(), errs.Place{Pointer: at + "/allowed_components", Detail: err.Error()})
	}
	return nil
}

func raw(j store.JSON) json.RawMessage { return json.RawMessage(j) }

func null(t *time.Time) nullable.Nullable[time.Time] {
	if t == nil {
		return nullable.NewNullNullable[time.Time]()
	}
	return nullable.NewNullableWithValue(*t)
}

func value(n nullable.Nullable[time.Time]) *time.Time {
	if t, err := n.Get(); err == nil {
		return &t
	}
	return nil
}
