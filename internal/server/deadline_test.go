package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestARequestsContextEndsAtItsDeadlineWhoeverWaitsForWhatOfIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d deadlines
		base, hangUp := context.WithCancel(context.WithValue(t.Context(), callKey{}, "k"))
		defer hangUp()
		began := time.Now()
		one, other := d.within(base, began, time.Second), d.within(base, began.Add(time.Microsecond), time.Second)
		require.Equal(t, one.Late(), other.Late(), "one timer for both")
		require.NotEqual(t, one.Late(), d.within(base, began.Add(time.Second), time.Second).Late())
		at, _ := one.Deadline()
		require.Equal(t, began.Add(time.Second), at)
		require.Equal(t, "k", one.Value(callKey{}))

		<-one.Late()
		require.ErrorIs(t, one.Err(), context.DeadlineExceeded)
		require.WithinRange(t, time.Now(), at, at.Add(deadlineStep))
		select {
		case <-one.HungUp():
			t.Fatal("its caller is there")
		default:
		}

		began = time.Now()
		usual := d.within(base, began, time.Second)
		require.NoError(t, usual.Err())
		child, cancel := context.WithCancel(usual)
		defer cancel()
		<-child.Done()
		require.Equal(t, time.Second, time.Since(began))
		require.ErrorIs(t, child.Err(), context.DeadlineExceeded)
		require.ErrorIs(t, usual.Err(), context.DeadlineExceeded)
		require.Equal(t, "k", usual.Value(callKey{}))
		usual.end()

		answered := d.within(base, time.Now(), time.Hour)
		child, cancel = context.WithTimeout(answered, time.Minute)
		defer cancel()
		answered.end()
		require.ErrorIs(t, child.Err(), context.Canceled, "what is left of a request ends with it")

		gone, waited := d.within(base, time.Now(), time.Hour), d.within(base, time.Now(), time.Hour)
		waited.Done()
		hangUp()
		<-waited.HungUp()
		require.ErrorIs(t, waited.Err(), context.Canceled, "whatever its timer has learnt")
		<-gone.HungUp()
		require.ErrorIs(t, gone.Err(), context.Canceled)
		<-gone.Done()
		require.ErrorIs(t, gone.Err(), context.Canceled)
		time.Sleep(2 * time.Second) // the timers end
	})
}
