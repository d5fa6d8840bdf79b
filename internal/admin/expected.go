package admin

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
)

// The most that a binding's labels may be: in bytes, and in number, as in openapi.yaml.
const (
	maxLabelBytes = 4096
	maxLabels     = 16
)

// CheckExpected checks what a binding says for its operators, and brings it to one spelling:
// absent where it says nothing.
func CheckExpected(expected *model.Expected, labels *model.Labels) error {
	var x struct {
		Components []string `json:"components,omitzero"`
		Instances  *int64   `json:"instances,omitzero"`
	}
	var err error
	if len(*expected) > 0 {
		if doc.Decode(*expected, &x) != nil {
			err = badMember(err, "/expected", "must be an object with components and instances")
		} else if *expected, err = json.Marshal(x); err != nil { // 2.0 is a whole number, but not to whom reads it
			return err
		}
	}
	slices.Sort(x.Components)
	if len(slices.Compact(x.Components)) < len(x.Components) {
		err = badMember(err, "/expected/components", "names a component twice")
	}
	if len(*labels) > maxLabelBytes {
		err = badMember(err, "/labels", "larger than 4096 bytes")
	}
	var named map[string]json.RawMessage
	if _ = json.Unmarshal(*labels, &named); len(named) > maxLabels { // a patch adds to those there are
		err = badMember(err, "/labels", fmt.Sprintf("would be %d: at most %d", len(named), maxLabels))
	}
	for _, text := range []*json.RawMessage{expected, labels} {
		if *text = doc.Compact(*text); string(*text) == "{}" || string(*text) == "null" || len(*text) == 0 {
			*text = nil
		}
	}
	return err
}

func badMember(err error, at, detail string) error {
	return errs.Merge(err, errs.At(errs.InvalidRequest, detail, errs.Place{Pointer: at, Detail: detail}))
}
