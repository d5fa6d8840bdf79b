package validation_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/validation"
)

// group is what the suite tests one schema with.
type group struct {
	Description string
	Schema      json.RawMessage
	Tests       []struct {
		Description string
		Data        json.RawMessage
		Valid       bool
	}
}

// remote is where the suite expects documents of others, which we never fetch.
const remote = "http://localhost:1234/"

func TestTheOfficialSuiteOfDraft2020Passes(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/suite/*.json")
	require.NoError(t, err)
	ran, refused := 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var groups []group
		require.NoError(t, json.Unmarshal(text, &groups))
		for _, g := range groups {
			where := filepath.Base(file) + ": " + g.Description
			s, err := validation.Compile(g.Schema, "")
			if err != nil {
				require.Contains(t, string(g.Schema), remote, where) // nothing else is refused
				require.True(t, errs.Is(err, errs.InvalidRequest), where)
				require.Contains(t, errs.From(err).Places[0].Detail, "leads out of the schema", where)
				refused++
				continue
			}
			for _, c := range g.Tests {
				d, err := validation.Read(c.Data)
				require.NoError(t, err)
				places, _ := s.Check(d)
				require.Equal(t, c.Valid, len(places) == 0, "%s: %s", where, c.Description)
				ran++
			}
		}
	}
	require.Greater(t, ran, 1150)
	require.Positive(t, refused)
	t.Logf("%d cases, and %d schemas that want something from elsewhere", ran, refused)
}
