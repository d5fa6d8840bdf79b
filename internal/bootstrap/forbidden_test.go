package bootstrap

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
)

// pointers are those of all places found in doc.
func pointers(t *testing.T, doc, prefix string) []string {
	t.Helper()
	places, err := FindForbidden([]byte(doc), prefix)
	require.NoError(t, err)
	out := make([]string, 0, len(places))
	for _, p := range places {
		out = append(out, p.Pointer)
	}
	return out
}

func TestFindForbiddenRefusesWhatIsNotStrictJSON(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{``, `{"jobs":1`, `{"jobs":1,"jobs":2}`, `{"a":1} {"jobs":1}`, "{\"\xff\":1}"} {
		places, err := FindForbidden([]byte(doc), "")
		require.True(t, errs.Is(err, errs.InvalidRequest), "%q: %v", doc, err)
		require.Empty(t, places)
	}
}

func TestFindForbidden(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		doc, prefix string
		want        []string
	}{
		"at the top":                       {`{"a":1,"tasks":[]}`, "", []string{"/tasks"}},
		"in an object in an array":         {`[[{"a":1},{"deploy":1}]]`, "", []string{"/0/1/deploy"}},
		"below a forbidden key":            {`{"jobs":{"a":[{"scale":1}]}}`, "", []string{"/jobs", "/jobs/a/0/scale"}},
		"several, in document order":       {`{"z":{"scale":1},"a":{"jobs":1},"execute":1}`, "", []string{"/z/scale", "/a/jobs", "/execute"}},
		"several spellings in one object":  {`{"jobs":1,"Jobs":2," jobs ":3}`, "", []string{"/jobs", "/Jobs", "/ jobs "}},
		"with a prefix":                    {`{"a":{"jobs":1}}`, "/services", []string{"/services/a/jobs"}},
		"an escaped name":                  {`{"\u006aobs":1,"\uff4aobs":2}`, "", []string{"/jobs", "/ｊobs"}},
		"with the pointer escaped":         {`{"a/b~c":{"jobs":1}}`, "", []string{"/a~1b~0c/jobs"}},
		"not in values":                    {`{"a":"jobs","b":["tasks",{"c":"deploy"}]}`, "", []string{}},
		"not in a string":                  {`"jobs"`, "", []string{}},
		"not in names that only resemble":  {`{"task":1,"jobs_total":{"executed":1},"scales":[{"redeploy":1}]}`, "", []string{}},
		"deeper than a request may nest":   {strings.Repeat("[", 200) + `{"jobs":1}` + strings.Repeat("]", 200), "", []string{strings.Repeat("/0", 200) + "/jobs"}},
		"in a document with white space":   {" {\n\"jobs\" : 1 } ", "", []string{"/jobs"}},
		"after a name with an odd literal": {`{"\"":{"\\":{"jobs":1}}}`, "", []string{`/"/\/jobs`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, pointers(t, tc.doc, tc.prefix))
		})
	}
}

func TestFindForbiddenNamesTheKeyItRecognised(t *testing.T) {
	t.Parallel()
	places, err := FindForbidden([]byte(`{"ＪＯＢＳ":1}`), "/polling")
	require.NoError(t, err)
	require.Equal(t, []errs.Place{{Pointer: "/polling/ＪＯＢＳ", Detail: `"jobs" is a forbidden key`}}, places)
}

func TestFindForbiddenBoundsItsReport(t *testing.T) {
	t.Parallel()
	outer := strings.Repeat("x", 100<<10)
	doc := fmt.Sprintf(`{%q:[%s{}]}`, outer, strings.Repeat(`{"jobs":1},`, 50_000))
	places, err := FindForbidden([]byte(doc), "/services")
	require.NoError(t, err)
	require.Len(t, places, 4)
	require.Equal(t, errs.Place{Pointer: "/services", Detail: "there may be more forbidden keys: the list ends here"}, places[3])
}

func TestFindForbiddenListsAHundredPlacesAtMost(t *testing.T) {
	t.Parallel()
	for n, listed := range map[int]int{98: 98, 99: errs.MaxPlaces, 1000: errs.MaxPlaces, 700_000: errs.MaxPlaces} {
		places, err := FindForbidden([]byte("["+strings.Repeat(`{"jobs":1},`, n)+"{}]"), "/p")
		require.NoError(t, err)
		require.Len(t, places, listed, n)
		require.Equal(t, n > 98, strings.Contains(places[len(places)-1].Detail, "may be more"), n)
	}
}

func TestCheckForbiddenReportsThePlacesOfAllSectionsAtOnce(t *testing.T) {
	t.Parallel()
	err := CheckForbidden(
		Section{Pointer: "/services", Doc: []byte(`{"api":{"deploy":1}}`)},
		Section{Pointer: "/polling"},
		Section{Pointer: "/schemas", Doc: []byte(`{"fine":true}`)},
		Section{Pointer: "/memory_map", Doc: []byte(`{"Jobs":1,"tasks":2}`)},
	)
	require.Error(t, err)
	refused := errs.From(err)
	require.Equal(t, errs.ForbiddenKeys, refused.Code)
	require.Equal(t, []errs.Place{
		{Pointer: "/services/api/deploy", Detail: `"deploy" is a forbidden key`},
		{Pointer: "/memory_map/Jobs", Detail: `"jobs" is a forbidden key`},
		{Pointer: "/memory_map/tasks", Detail: `"tasks" is a forbidden key`},
	}, refused.Places)
}

func TestCheckForbiddenRefusesASectionThatIsNotJSON(t *testing.T) {
	t.Parallel()
	require.True(t, errs.Is(CheckForbidden(Section{Pointer: "/polling", Doc: []byte("{")}), errs.InvalidRequest))
}

func TestCheckForbiddenAcceptsCleanAndAbsentSections(t *testing.T) {
	t.Parallel()
	require.NoError(t, CheckForbidden())
	require.NoError(t, CheckForbidden(Section{Pointer: "/a"}, Section{Pointer: "/b", Doc: []byte(`{"task":["jobs"]}`)}))
}
