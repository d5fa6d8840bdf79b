package bootstrap

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/unicode/rangetable"
)

func TestEverySpellingOfAForbiddenKeyIsRecognised(t *testing.T) {
	t.Parallel()
	for spelling, key := range map[string]string{
		"tasks": "tasks", "jobs": "jobs", "work_items": "work_items", "payloads": "payloads",
		"deploy": "deploy", "scale": "scale", "provision": "provision", "execute": "execute",
		"Tasks": "tasks", "JOBS": "jobs", "Work_Items": "work_items", "eXECUTE": "execute",
		" deploy\t": "deploy", "\n\v\f\r scale \u0085": "scale", "\u00a0\u2003\u3000jobs\u2028\u2029\u1680": "jobs",
		"ｔａｓｋｓ": "tasks", "ＷＯＲＫ＿ＩＴＥＭＳ": "work_items", "work︳items": "work_items",
		"taſks": "tasks", "tas\u212as": "tasks", "𝐣𝗼𝚋𝓼": "jobs", "ⓓⓔⓟⓛⓞⓨ": "deploy", "🄹🄾🄱🅂": "jobs",
		"ˢᶜªˡᵉ": "scale", "ᴾᴿᴼⱽⁱˢⁱᴼᴺ": "provision", "ⅰ": "", "eⅹeⅽute": "execute", "proⅴⅰsⅰon": "provision",
		"de\u00adploy": "deploy", "\u200bjobs\ufeff": "jobs", "\u200b \u2060Ｄeploy \u00ad": "deploy", "sc\ufe0fa\U000e0101le": "scale", "tas\u3164k\u115fs": "tasks",
		"work\u034f_it\u180fems": "work_items", "exe\U000e0063cute": "execute", "d" + strings.Repeat("\u00ad", 1000) + "eploy": "deploy",
		strings.Repeat("\u200d ", 1000) + "scale":                           "scale",
		strings.Repeat(" ", 1000) + "𝒋obs" + strings.Repeat("\u2003", 1000): "jobs",
	} {
		require.Equal(t, key, forbiddenKey([]byte(spelling)), "%q", spelling)
	}
}

func TestNothingElseIsRecognised(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", " ", "\u2003", "task", "job", "jobs_total", "executed", "execute.", "work-items", "work items", "workitems", "_jobs", "jobs_",
		"\u00ad", "jobs\u0600", "j\ufff9obs", "\u00adxjobs", "dep loy",
		"scales", "autoscale", "deployment", "provisioning", "payload", "t asks", "j\u00f6bs", "jo\u0308bs", "job\u0455", "p\u0430yloads",
		"provıs\u0131on", "PROVİSİON", "tasks\u0301", "\u00a8jobs", "ta\u00dfs", "任务", strings.Repeat("tasks", 1000), strings.Repeat("\u0301", 1000),
	} {
		require.Empty(t, forbiddenKey([]byte(name)), "%q", name)
	}
}

func TestEachCompatibilityVariantOfALetterIsRecognised(t *testing.T) {
	t.Parallel()
	variants := map[string][]string{}
	for _, r := range characters() {
		if to := string(caseless([]byte(string(r)))); len(to) == 1 {
			variants[to] = append(variants[to], string(r))
		}
	}
	require.Greater(t, len(variants["s"]), 20)
	for _, key := range forbiddenKeys {
		for i := range key {
			for _, v := range variants[string(key[i])] {
				spelling := string(key[:i]) + v + string(key[i+1:])
				require.Equal(t, string(key), forbiddenKey([]byte(spelling)), "%q", spelling)
			}
		}
	}
}

// characters is what Unicode assigns, less the bulk that has no case and no ASCII form.
func characters() []rune {
	var all []rune
	for _, t := range []*unicode.RangeTable{unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cc, unicode.Cf} {
		rangetable.Visit(t, func(r rune) {
			if !unicode.In(r, unicode.Han, unicode.Hangul) {
				all = append(all, r)
			}
		})
	}
	return all
}

func TestDefaultIgnorableCodePointsAreThoseOfUnicode(t *testing.T) {
	t.Parallel()
	in := func(r rune) bool { // as DerivedCoreProperties.txt lists them
		for _, span := range [][2]rune{
			{0xAD, 0xAD},
			{0x34F, 0x34F},
			{0x61C, 0x61C},
			{0x115F, 0x1160},
			{0x17B4, 0x17B5},
			{0x180B, 0x180F},
			{0x200B, 0x200F},
			{0x202A, 0x202E},
			{0x2060, 0x206F},
			{0x3164, 0x3164},
			{0xFE00, 0xFE0F},
			{0xFEFF, 0xFEFF},
			{0xFFA0, 0xFFA0},
			{0xFFF0, 0xFFF8},
			{0x1BCA0, 0x1BCA3},
			{0x1D173, 0x1D17A},
			{0xE0000, 0xE0FFF},
		} {
			if span[0] <= r && r <= span[1] {
				return true
			}
		}
		return false
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if in(r) != ignorable(r) {
			t.Fatalf("%U: %v", r, ignorable(r))
		}
	}
}

// Both shortcuts of forbiddenKey lean on what Unicode happens to assign.
func TestNoCharacterVanishesAndTwoFoldsSuffice(t *testing.T) {
	t.Parallel()
	fold := cases.Fold()
	for _, r := range characters() {
		form := caseless([]byte(string(r)))
		if (unicode.IsSpace(r) || ignorable(r)) != (len(visible(form)) == 0) {
			t.Fatalf("%U becomes %q", r, form)
		}
		// The library folds Cherokee back and forth, which is why no loop may
		// wait for a stable form; it only matters that none is ASCII.
		if next := norm.NFKC.Bytes(fold.Bytes(form)); ascii(form) || ascii(next) {
			require.Equal(t, string(form), string(next), "%U", r)
		}
	}
}

func TestAPlainNameCostsNoAllocation(t *testing.T) {
	for _, name := range []string{"memory_map", "services", "task", "a_rather_long_member_name"} {
		key := []byte(name)
		require.Zero(t, testing.AllocsPerRun(100, func() { forbiddenKey(key) }), name)
	}
}
