package board

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/legivellum/metagate/gen/model"
)

// blastView is what a world that is pasted would do.
type blastView struct {
	World    string
	Prune    bool
	Plan     *model.Plan
	Problem  *model.Problem
	Places   []place
	Resource []model.PlanChange // those that change
}

// place is where a world is wrong.
type place struct {
	model.ProblemPlace
	Text string // of the line
}

// blast answers GET and POST /board/blast: a dry run, which changes nothing.
func (b *Board) blast(_ http.ResponseWriter, r *http.Request, as api) (*view, error) {
	if err := r.ParseMultipartForm(b.MaxBodyBytes); err != nil && r.Method == http.MethodPost { //nolint:gosec // page has bounded the body
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, refused{model.Problem{Status: http.StatusRequestEntityTooLarge, Detail: "The world is larger than APPLY_MAX_BYTES."}}
		}
		return nil, refused{model.Problem{Status: http.StatusBadRequest, Detail: "The form can't be read."}}
	}
	v := blastView{World: strings.ReplaceAll(r.FormValue("world"), "\r\n", "\n"), Prune: r.FormValue("prune") != ""}
	out := &view{Page: "blast", Title: "Blast radius"}
	if r.Method != http.MethodPost {
		one := model.Limit(1) // whoever can't apply has nothing to paste
		_, err := got(as.ListPrincipalsWithResponse(r.Context(), &model.ListPrincipalsParams{Limit: &one}))
		out.Data = v
		return out, err
	}
	plan, err := got(as.ApplyWorldWithBodyWithResponse(r.Context(), &model.ApplyWorldParams{DryRun: new(true), Prune: &v.Prune}, "application/yaml", strings.NewReader(v.World)))
	no, ok := errors.AsType[refused](err)
	switch {
	case err == nil:
		v.Plan = plan.JSON200
		for _, c := range v.Plan.Changes {
			if c.Action != model.PlanActionUnchanged {
				v.Resource = append(v.Resource, c)
			}
		}
	case ok && no.Status != http.StatusUnauthorized && no.Status != http.StatusForbidden:
		v.Problem = &no.Problem
		lines := strings.Split(v.World, "\n")
		for _, p := range no.Errors {
			one := place{ProblemPlace: p}
			if p.Line > 0 && p.Line <= len(lines) {
				one.Text = strings.TrimSpace(lines[p.Line-1])
			}
			one.Pointer = cmp.Or(p.Pointer, "/")
			v.Places = append(v.Places, one)
		}
	default:
		return nil, err
	}
	out.Data = v
	return out, nil
}
