package doc_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
)

type counted struct {
	N    int64  `json:"n"`
	List []item `json:"list"`
}

type item struct {
	M *int64 `json:"m"`
}

func TestWhatIsNoIntegerIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	for body, at := range map[string]string{
		`{"n":60.5}`: "/n", `{"n":"60"}`: "/n", `{"n":1e-1}`: "/n", `{"n":6.00000000000000000000001}`: "/n", `{"n":true}`: "/n", `{"n":{}}`: "/n",
		`{"n":9223372036854775808}`: "/n", `{"n":-9223372036854775809}`: "/n", `{"n":1e19}`: "/n", `{"n":1e999999999}`: "/n", `{"n":1e99999999999999999999}`: "/n",
		`{"n":1e-999999999}`: "/n", `{"list":[{},{"m":0.1}]}`: "/list/1/m", `{"list":[{"m":"x"}]}`: "/list/0/m",
	} {
		err := doc.Decode([]byte(body), new(counted))
		e, ok := errors.AsType[*errs.Error](err)
		require.True(t, ok, body)
		require.Equal(t, errs.InvalidRequest, e.Code)
		require.Equal(t, at, e.Places[0].Pointer, body)
		require.NotContains(t, e.Places[0].Detail+e.Message, "Go ", body)
	}
	require.Error(t, doc.Decode([]byte(`{"n":`), new(counted)))
}

func TestAnIntegerMayBeWrittenAsAFraction(t *testing.T) {
	t.Parallel()
	for literal, want := range map[string]int64{
		"60": 60, "60.0": 60, "6e1": 60, "6E+1": 60, "600e-1": 60, "0.06e3": 60, "60.000e0": 60, "-6.0e1": -60, "0": 0, "-0": 0, "0.0": 0, "0e99": 0, "-0.0e-5": 0,
		"9223372036854775807": 9223372036854775807, "-9223372036854775808": -9223372036854775808, "9223372036854775807.0": 9223372036854775807,
		"92233720368547758.07e2": 9223372036854775807, "1e18": 1_000_000_000_000_000_000, "0e99999999999999999999": 0,
	} {
		got := counted{N: 7}
		require.NoError(t, doc.Decode([]byte(`{"n":`+literal+`,"list":[{"m":`+literal+`},{"m":null}],"N":"another name"}`), &got), literal)
		require.Equal(t, want, got.N, literal)
		require.Equal(t, want, *got.List[0].M, literal)
		require.Nil(t, got.List[1].M)
	}
}
