package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
)

// bigPlan creates so many principals, binds them, and changes a few things beside.
func bigPlan(principals int) model.Plan {
	p := model.Plan{DryRun: true, Summary: model.PlanSummary{Create: 2*principals + 1, Update: 1, Delete: 1, Unchanged: 1}}
	add := func(action model.PlanAction, kind model.ResourceType, key string) {
		p.Changes = append(p.Changes, model.PlanChange{Action: action, ResourceType: kind, ResourceKey: key})
	}
	add(model.PlanActionCreate, model.ResourceTypeSecretRef, "token")
	add(model.PlanActionUpdate, model.ResourceTypeProfile, "worker")
	add(model.PlanActionUnchanged, model.ResourceTypeManifest, "mesh")
	for i := range principals {
		add(model.PlanActionCreate, model.ResourceTypePrincipal, fmt.Sprintf("p%d", i))
	}
	add(model.PlanActionDelete, model.ResourceTypePrincipal, "gone")
	for i := range principals {
		add(model.PlanActionCreate, model.ResourceTypeBinding, fmt.Sprintf("p%d → worker + mesh", i))
		p.Packets = append(p.Packets, model.PacketChange{
			PrincipalKey: fmt.Sprintf("p%d", i), ComponentKey: "c", EtagBefore: nullable.NewNullNullable[string](), EtagAfter: nullable.NewNullableWithValue("0123456789"),
		})
	}
	return p
}

func TestALongPlanShowsTheFirstOfWhatIsCreatedAndAllThatNeedsAnEye(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	renderPlan(&out, bigPlan(20_000), false)
	require.Equal(t, textOf(t, "testdata/plan.txt"), strings.ReplaceAll(out.String(), "  \n", "\n"))

	for all, principals := range map[bool]int{true: 1000, false: 20} {
		out.Reset()
		renderPlan(&out, bigPlan(principals), all)
		require.NotContains(t, out.String(), " more")
		require.Equal(t, principals, strings.Count(out.String(), "+ principal "))
		require.Equal(t, all, strings.Contains(out.String(), "= manifest mesh"))
	}
}
