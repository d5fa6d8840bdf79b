package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/model"
)

// renderPlan writes a plan that a person reads at a glance.
func renderPlan(out io.Writer, p model.Plan, all bool) {
	c := painter(out)
	marks := map[model.PlanAction]string{
		model.PlanActionCreate: c.in(green, "+"), model.PlanActionUpdate: c.in(yellow, "~"),
		model.PlanActionDelete: c.in(red, "-"), model.PlanActionUnchanged: c.in(dim, "="),
	}
	for _, change := range p.Changes {
		if change.Action == model.PlanActionUnchanged && !all {
			continue
		}
		fmt.Fprintf(out, "%s %s %s\n", marks[change.Action], strings.ReplaceAll(string(change.ResourceType), "_", " "), c.in(bold, change.ResourceKey))
		if change.Action == model.PlanActionUpdate {
			renderDiff(out, c, change.Diff)
		}
	}
	if len(p.Packets) > 0 {
		fmt.Fprintf(out, "\n%s\n", c.in(bold, fmt.Sprintf("packets that change: %d", len(p.Packets))))
	}
	for _, k := range p.Packets {
		fmt.Fprintf(out, "  %s (%s)  %s → %s  %s\n", k.PrincipalKey, k.ComponentKey,
			short(k.EtagBefore), short(k.EtagAfter), c.in(dim, sections(k)))
	}
	n, counts := p.Summary, "done: %s created, %s updated, %s deleted, %d unchanged\n"
	if p.DryRun {
		counts = "dry run, nothing was changed: %s to create, %s to update, %s to delete, %d unchanged\n"
	}
	fmt.Fprintf(out, counts, c.in(green, strconv.Itoa(n.Create)), c.in(yellow, strconv.Itoa(n.Update)), c.in(red, strconv.Itoa(n.Delete)), n.Unchanged)
}

func renderDiff(out io.Writer, c paint, diff []model.FieldChange) {
	for _, d := range diff {
		renderChange(out, c, d.Pointer, fieldText(d.Before), fieldText(d.After))
	}
}

// renderChange shows what was before and after at a place; empty where there was nothing.
func renderChange(out io.Writer, c paint, pointer, before, after string) {
	switch {
	case before == "":
		fmt.Fprintf(out, "    %s\n", c.in(green, "+ "+pointer+": "+after))
	case after == "":
		fmt.Fprintf(out, "    %s\n", c.in(red, "- "+pointer+": "+before))
	default:
		fmt.Fprintf(out, "    ~ %s: %s → %s\n", pointer, c.in(red, before), c.in(green, after))
	}
}

func fieldText(v nullable.Nullable[json.RawMessage]) string {
	if !v.IsSpecified() {
		return ""
	}
	if text, err := v.Get(); err == nil {
		return string(text)
	}
	return "null"
}

// sections tells what differs, where there are two packets to compare.
func sections(k model.PacketChange) string {
	if k.EtagBefore.IsNull() || k.EtagAfter.IsNull() {
		return ""
	}
	return strings.Join(k.Sections, ", ")
}

// short is the head of an etag, as people tell them apart.
func short(etag nullable.Nullable[string]) string {
	v, err := etag.Get()
	if err != nil {
		return "none"
	}
	return v[:min(8, len(v))]
}
