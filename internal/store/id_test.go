package store_test

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

func TestNowIsInUTCAndWholeMicroseconds(t *testing.T) {
	t.Parallel()
	now := store.Now()
	require.Equal(t, time.UTC, now.Location())
	require.Zero(t, now.Nanosecond()%1000)
	require.WithinDuration(t, time.Now(), now, time.Minute)
}

func TestAnIDIsAUUIDOfVersion7AndOfItsTime(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{time.UnixMilli(0), time.Date(2026, 1, 2, 3, 4, 5, 999_999_000, time.UTC), store.Now()} {
		id := store.NewID(at)
		require.Equal(t, uuid.Version(7), id.Version())
		require.Equal(t, uuid.RFC4122, id.Variant())
		seconds, nanos := id.Time().UnixTime()
		require.Equal(t, at.UnixMilli(), time.Unix(seconds, nanos).UnixMilli())
	}
}

func TestIDsAreUniqueAndAscendWhoeverMakesThem(t *testing.T) {
	t.Parallel()
	const makers, each = 16, 500
	at := store.Now()
	made := make([][]uuid.UUID, makers)
	var wg sync.WaitGroup
	for i := range made {
		wg.Go(func() {
			for range each {
				made[i] = append(made[i], store.NewID(at))
			}
		})
	}
	wg.Wait()
	seen := map[uuid.UUID]bool{}
	for _, ids := range made {
		for _, id := range ids {
			require.False(t, seen[id])
			seen[id] = true
		}
	}
	require.Len(t, seen, makers*each)
}

func TestIDsOfOneTimeSortInTheOrderTheyWereMade(t *testing.T) {
	t.Parallel()
	at := store.Now()
	ids := make([]uuid.UUID, 100_000)
	for i := range ids {
		ids[i] = store.NewID(at)
	}
	require.True(t, slices.IsSortedFunc(ids, compare))
}

func TestIDsOfLaterMicrosecondsSortAfterEarlierOnes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 998_990_000, time.UTC)
	var ids []uuid.UUID
	for i := range 3000 { // over the edges of milliseconds and of a second, the latest made first
		ids = append(ids, store.NewID(at.Add(time.Duration(3000-i)*time.Microsecond)))
	}
	slices.Reverse(ids)
	require.True(t, slices.IsSortedFunc(ids, compare))
}

func TestFirstIDIsTheLowerBoundOfItsMillisecond(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	first := store.FirstID(at)
	require.Equal(t, uuid.Version(7), first.Version())
	require.Equal(t, first, store.FirstID(at.Add(999*time.Microsecond)))
	for range 1000 {
		require.LessOrEqual(t, compare(first, store.NewID(at)), 0)
		require.Negative(t, compare(store.NewID(at.Add(-time.Microsecond)), first))
	}
	require.Negative(t, compare(first, store.FirstID(at.Add(time.Millisecond))))
	require.Negative(t, compare(store.MinID, first))
	require.Negative(t, compare(store.NewID(at), store.MaxID))
}

func compare(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
