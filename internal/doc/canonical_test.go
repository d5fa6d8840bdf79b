package doc_test

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
)

func canonical(t *testing.T, document string) string {
	t.Helper()
	out, err := doc.Canonical([]byte(document))
	require.NoError(t, err, document)
	return string(out)
}

func TestCanonicalRefusesWhatIsNotStrictJSON(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{``, `{`, `1 2`, `{"a":1,"a":2}`, "\"\xff\"", `"\udc00"`, `[01]`} {
		_, err := doc.Canonical([]byte(bad))
		require.True(t, errs.Is(err, errs.InvalidRequest), "%q: %v", bad, err)
	}
}

func TestCanonicalKeepsTheLiteralOfANumberThatADoubleCannotHold(t *testing.T) {
	t.Parallel()
	for _, literal := range []string{
		"12345678901234567890", "-12345678901234567890", "9007199254740993", "1e400", "-1E400", "1e-400",
		"0.1000000000000000055511151231257827", "333333333.33333329", "1e999999999", "1e-999999999999999999999999",
	} {
		require.Equal(t, "["+literal+"]", canonical(t, " [ "+literal+" ] "))
	}
}

func TestCanonicalWritesANumberThatADoubleHoldsAsRFC8785Does(t *testing.T) {
	t.Parallel()
	for literal, want := range map[string]string{
		"1.10": "1.1", "1e2": "100", "1E5": "100000", "-0": "0", "-0.000e99999999999999999999": "0", "0E+400": "0",
		"9007199254740992": "9007199254740992", "4.50": "4.5", "2e-3": "0.002", "1E30": "1e+30",
		"0.000000000000000000000000001": "1e-27", "100000000000000000000": "100000000000000000000",
		"1000000000000000000000": "1e+21", "0." + strings.Repeat("0", 400) + "12e401": "1.2",
		"1" + strings.Repeat("0", 300) + "e-300": "1", "-1.50e+1": "-15",
	} {
		require.Equal(t, want, canonical(t, literal), literal)
	}
}

func TestCanonicalPassesTheNumbersOfRFC8785AppendixB(t *testing.T) {
	t.Parallel()
	for bits, want := range map[uint64]string{
		0x0000000000000000: "0", 0x8000000000000000: "0",
		0x0000000000000001: "5e-324", 0x8000000000000001: "-5e-324",
		0x7fefffffffffffff: "1.7976931348623157e+308", 0xffefffffffffffff: "-1.7976931348623157e+308",
		0x4340000000000000: "9007199254740992", 0xc340000000000000: "-9007199254740992",
		0x4430000000000000: "295147905179352830000",
		0x44b52d02c7e14af5: "9.999999999999997e+22", 0x44b52d02c7e14af6: "1e+23", 0x44b52d02c7e14af7: "1.0000000000000001e+23",
		0x444b1ae4d6e2ef4e: "999999999999999700000", 0x444b1ae4d6e2ef4f: "999999999999999900000", 0x444b1ae4d6e2ef50: "1e+21",
		0x3eb0c6f7a0b5ed8c: "9.999999999999997e-7", 0x3eb0c6f7a0b5ed8d: "0.000001",
		0x41b3de4355555553: "333333333.3333332", 0x41b3de4355555554: "333333333.33333325", 0x41b3de4355555555: "333333333.3333333",
		0x41b3de4355555556: "333333333.3333334", 0x41b3de4355555557: "333333333.33333343",
		0xbecbf647612f3696: "-0.0000033333333333333333", 0x43143ff3c1cb0959: "1424953923781206.2",
	} {
		f := math.Float64frombits(bits)
		for _, spelling := range []byte("eEf") {
			require.Equal(t, want, canonical(t, strconv.FormatFloat(f, spelling, -1, 64)), "%016x", bits)
		}
	}
}

func TestCanonicalSortsByUTF16CodeUnits(t *testing.T) {
	t.Parallel()
	require.Equal(t, // RFC 8785 section 3.2.3
		`{"\r":"Carriage Return","1":"One","`+"\u0080"+`":"Control","ö":"Latin Small Letter O With Diaeresis",`+
			`"€":"Euro Sign","😀":"Emoji: Grinning Face","`+"\ufb33"+`":"Hebrew Letter Dalet With Dagesh"}`,
		canonical(t, `{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
			"\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`))
	require.Equal(t, `{"":0,"a":{"b":1,"c":[{"d":2,"e":3}]},"aa":4}`,
		canonical(t, `{"aa":4,"a":{"c":[{"e":3,"d":2}],"b":1},"":0}`))
}

func TestCanonicalWritesTheSampleOfRFC8785ExceptItsInexactNumber(t *testing.T) {
	t.Parallel()
	require.Equal(t, // section 3.2.2; the RFC rounds the first number
		`{"literals":[null,true,false],"numbers":[333333333.33333329,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
		canonical(t, `{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
			"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}`))
	require.Equal(t, "\"</script>&\u2028\u007f\"", canonical(t, `"\u003c/script>\u0026\u2028\u007F"`))
}

func TestCanonicalIsInstantForHugeExponents(t *testing.T) {
	t.Parallel()
	start := time.Now()
	canonical(t, "[1e999999999,1e-999999999,0e999999999,1e"+strings.Repeat("9", 1<<20)+","+strings.Repeat("9", 1<<20)+"]")
	require.Less(t, time.Since(start), time.Second)
}
