package errs_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
)

func TestUnderMovesThePlacesAndLeavesTheErrorAsItWas(t *testing.T) {
	t.Parallel()
	at := errs.At(errs.ForbiddenKeys, "m", errs.Place{Pointer: "/a", Detail: "x"}, errs.Place{Detail: "y"})
	moved := errs.From(errs.Under("/list/1", at))
	require.Equal(t, []errs.Place{{Pointer: "/list/1/a", Detail: "x"}, {Pointer: "/list/1", Detail: "y"}}, moved.Places)
	require.Equal(t, errs.ForbiddenKeys, moved.Code)
	require.Equal(t, "/a", at.Places[0].Pointer)

	require.Equal(t, []errs.Place{{Pointer: "/p", Detail: "gone"}}, errs.From(errs.Under("/p", errs.New(errs.NotFound, "gone"))).Places)
	other := errors.New("other")
	require.Equal(t, other, errs.Under("/p", other))
}

func TestMergeKeepsEveryPlaceInItsOrder(t *testing.T) {
	t.Parallel()
	a := errs.At(errs.ForbiddenKeys, "first", errs.Place{Pointer: "/a"})
	b := errs.At(errs.ForbiddenKeys, "second", errs.Place{Pointer: "/b"}, errs.Place{Pointer: "/c"})
	c := errs.At(errs.InvalidReference, "third", errs.Place{Pointer: "/d"})
	require.NoError(t, errs.Merge())
	require.NoError(t, errs.Merge(nil, nil))
	require.Equal(t, errs.From(a), errs.From(errs.Merge(nil, a, nil)), "one stays as it is")

	same := errs.From(errs.Merge(a, b))
	require.Equal(t, errs.ForbiddenKeys, same.Code)
	require.Equal(t, []errs.Place{{Pointer: "/a"}, {Pointer: "/b"}, {Pointer: "/c"}}, same.Places)
	mixed := errs.From(errs.Merge(a, b, nil, c))
	require.Equal(t, errs.ForbiddenKeys, mixed.Code, "the doctrine before the details")
	details := errs.From(errs.Merge(c, errs.At(errs.InvalidRequest, "fourth", errs.Place{Pointer: "/e"})))
	require.Equal(t, errs.InvalidRequest, details.Code)
	require.Len(t, mixed.Places, 4)
	require.Equal(t, "4 places are wrong", mixed.Message)
	require.Len(t, a.Places, 1, "what was merged is not changed")
	require.Equal(t, "first", a.Message)
}

func TestWhatAnErrorSaysIsBounded(t *testing.T) {
	t.Parallel()
	many := make([]errs.Place, 1_000_000)
	for i := range many {
		many[i] = errs.Place{Pointer: "/a", Detail: "x"}
	}
	listed := func(e *errs.Error) int {
		require.True(t, e.Full())
		require.Equal(t, "there may be more: the list ends here", e.Places[len(e.Places)-1].Detail)
		return len(e.Places)
	}
	at := errs.At(errs.InvalidRequest, strings.Repeat("ü", 1<<20), many...)
	require.Equal(t, errs.MaxPlaces, listed(at))
	require.Less(t, len(at.Message), 2<<10)
	require.True(t, utf8.ValidString(at.Message))
	require.Len(t, errs.From(errs.Under("/list/1", at)).Places, errs.MaxPlaces)
	require.False(t, errs.At(errs.InvalidRequest, "m", many[:errs.MaxPlaces-1]...).Full())

	one := make([]error, len(many))
	for i := range one {
		one[i] = errs.At(errs.InvalidRequest, "m", many[i])
	}
	one[len(one)-1] = errs.At(errs.ForbiddenKeys, "m", many[0])
	merged := errs.From(errs.Merge(one...)) // in no time: it isn't quadratic
	require.Equal(t, errs.MaxPlaces, listed(merged))
	require.Equal(t, errs.ForbiddenKeys, merged.Code)
	require.Equal(t, "99 places are wrong, or more", merged.Message)

	long := errs.At(errs.InvalidRequest, "m", errs.Place{Pointer: "/a/b" + strings.Repeat("/c", 300) + "/" + strings.Repeat("d", 1<<20), Detail: strings.Repeat("e", 1<<20)})
	require.Equal(t, "/a/b"+strings.Repeat("/c", 300), long.Places[0].Pointer, "the place around it")
	require.Less(t, len(long.Places[0].Detail), 1<<10)
	require.Empty(t, errs.At(errs.InvalidRequest, "m", errs.Place{Pointer: "/" + strings.Repeat("d", 1<<20)}).Places[0].Pointer)
	for range 1000 {
		long.Add(errs.Place{Pointer: "/" + strings.Repeat("p", 900)})
	}
	require.Less(t, listed(long), errs.MaxPlaces, "their text is bounded, too")
}

func TestAnErrorThatIsNotTheCallersFaultWinsAlone(t *testing.T) {
	t.Parallel()
	wrong := errs.At(errs.InvalidRequest, "m", errs.Place{Pointer: "/a"})
	for _, fault := range []error{errors.New("driver"), errs.New(errs.Unavailable, "down"), errs.New(errs.Internal, "broken")} {
		require.Equal(t, fault, errs.Merge(wrong, fault, wrong))
		require.Equal(t, fault, errs.Merge(fault, wrong))
	}
}

func TestOnlyTheLogSeesACause(t *testing.T) {
	t.Parallel()
	cause := errors.New("driver text")
	e := errs.From(cause)
	require.Equal(t, errs.Internal, e.Code)
	require.NotContains(t, e.Message, "driver")
	require.ErrorIs(t, e, cause)
	require.Contains(t, e.Error(), "driver text")
	require.True(t, errs.Is(errs.Wrap(cause, errs.InUse, "n %d", 1), errs.InUse))
	require.Equal(t, "IN_USE: n 1", errs.New(errs.InUse, "n %d", 1).Error())
	require.False(t, errs.Is(cause, errs.Internal))
}
