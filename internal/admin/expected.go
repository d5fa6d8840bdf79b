package admin

import (
	"encoding/json"
	"slices"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
)

// maxLabels is how many bytes a binding's labels may have.
const maxLabels = 4096

// CheckExpected checks what a binding says for its operators, and brings it to one spelling:
// absent where it says nothing.
func CheckExpected(expected *model.Expected, labels *model.Labels) error {
	var x struct {
		Components []string `json:"components"`
		Instances  *int64   `json:"instances"`
	}
	var err error
	if len(*expected) > 0 && json.Unmarshal(*expected, &x) != nil {
		err = badMember(err, "/expected", "must be an object with components and instances")
	}
	slices.Sort(x.Components)
	if len(slices.Compact(x.Components)) < len(x.Components) {
		err = badMember(err, "/expected/components", "names a component twice")
	}
	if len(*labels) > maxLabels {
		err = badMember(err, "/labels", "larger than 4096 bytes")
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
