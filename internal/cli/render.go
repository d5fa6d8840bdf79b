package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/model"
)

// A plan of more lines than tooLong shows only the first of those that nobody
// reads one by one.
const (
	tooLong = 50
	shown   = 10
)

// renderPlan writes a plan that a person reads at a glance, in full with all.
func renderPlan(out io.Writer, p model.Plan, all bool) {
	renderResources(out, p, all)
	renderPackets(out, p, all)
	renderWarnings(out, p, all)
	renderSummary(out, p)
}

func renderWarnings(out io.Writer, p model.Plan, all bool) {
	c := painter(out)
	if len(p.Warnings) > 0 {
		fmt.Fprintf(out, "\n%s\n", c.in(bold, "validators warn of: "+thousands(len(p.Warnings))))
	}
	for i, w := range p.Warnings {
		if i == shown && len(p.Warnings) > tooLong && !all {
			fmt.Fprintf(out, "  %s more: --all lists them\n", thousands(len(p.Warnings)-shown))
			break
		}
		fmt.Fprintf(out, "  %s: %s %s %s: %s\n", c.in(yellow, w.ValidatorKey), w.ResourceType, c.in(bold, w.ResourceKey), w.Pointer, w.Detail)
	}
}

func renderPackets(out io.Writer, p model.Plan, all bool) {
	c := painter(out)
	if len(p.Packets) > 0 {
		fmt.Fprintf(out, "\n%s\n", c.in(bold, "packets that change: "+thousands(len(p.Packets))))
	}
	for i, k := range p.Packets {
		if i == shown && len(p.Packets) > tooLong && !all {
			fmt.Fprintf(out, "  %s more: --all lists them\n", thousands(len(p.Packets)-shown))
			break
		}
		fmt.Fprintf(out, "  %s (%s)  %s → %s  %s\n", k.PrincipalKey, k.ComponentKey,
			short(k.EtagBefore), short(k.EtagAfter), c.in(dim, sections(k)))
	}
}

// renderChanged writes what changed between two revisions.
func renderChanged(out io.Writer, p model.Plan, all bool) {
	renderResources(out, p, all)
	renderPackets(out, p, all)
	c, n := painter(out), p.Summary
	fmt.Fprintf(out, "%s created, %s updated, %s deleted, %s unchanged\n",
		c.in(green, thousands(n.Create)), c.in(yellow, thousands(n.Update)), c.in(red, thousands(n.Delete)), thousands(n.Unchanged))
}

func renderSummary(out io.Writer, p model.Plan) {
	c, n, counts := painter(out), p.Summary, "done: %s created, %s updated, %s deleted, %s unchanged\n"
	if p.DryRun {
		counts = "dry run, nothing was changed: %s to create, %s to update, %s to delete, %s unchanged\n"
	}
	fmt.Fprintf(out, counts, c.in(green, thousands(n.Create)), c.in(yellow, thousands(n.Update)), c.in(red, thousands(n.Delete)), thousands(n.Unchanged))
}

// renderResources lists what happens to each resource, those that stay as they are
// only with all. Of very many that are created it shows the first of each kind.
func renderResources(out io.Writer, p model.Plan, all bool) {
	c := painter(out)
	marks := map[model.PlanAction]string{
		model.PlanActionCreate: c.in(green, "+"), model.PlanActionUpdate: c.in(yellow, "~"),
		model.PlanActionDelete: c.in(red, "-"), model.PlanActionUnchanged: c.in(dim, "="),
	}
	created, left := map[model.ResourceType]int{}, map[model.ResourceType]int{}
	if p.Summary.Create+p.Summary.Update+p.Summary.Delete > tooLong && !all {
		for _, change := range p.Changes {
			if change.Action == model.PlanActionCreate {
				left[change.ResourceType]++
			}
		}
	}
	for _, change := range p.Changes {
		mark, kind := marks[change.Action], strings.ReplaceAll(string(change.ResourceType), "_", " ")
		if n := left[change.ResourceType]; change.Action == model.PlanActionCreate && n > shown+1 {
			if created[change.ResourceType]++; created[change.ResourceType] == n { // the last of its kind
				fmt.Fprintf(out, "%s %s more %ss\n", mark, thousands(n-shown), kind)
			}
			if created[change.ResourceType] > shown {
				continue
			}
		}
		if change.Action == model.PlanActionUnchanged && !all {
			continue
		}
		fmt.Fprintf(out, "%s %s %s\n", mark, kind, c.in(bold, change.ResourceKey))
		if change.Action == model.PlanActionUpdate {
			renderDiff(out, c, change.Diff)
		}
	}
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
