package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
)

// What a validator accepted of one kind is no excuse for what is called alike of another.
func TestAValidatorOfAnotherKindThanBeforeExcusesNothing(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.yaml(t, "profiles: [{profile_key: same}]\nmanifests: [{manifest_key: same}]")
		id := w.wire.create(t, "/v1/admin/validators", `{"validator_key":"v","on":"manifest","accept_present":true,"schema":{"required":["owner"]}}`)
		p := w.wire.send(t, "PATCH", "/v1/admin/validators/"+id, `{"on":"profile","accept_present":false}`).refused(t, 400, "VALIDATOR_DENIED")
		require.Equal(t, []string{` validator "v": profile "same" at /owner: is missing`}, details(p))
	})
}
