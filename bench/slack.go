package main

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// unitSlack is TimerSlackNSec of packaging/metagate.service.
const unitSlack = 300 * time.Microsecond

// slacken lets the processes that this goroutine starts have the unit's timer slack,
// until the function that it returns is called: they inherit it from their thread.
func slacken() (undo func()) {
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(unitSlack), 0, 0, 0)
	return func() {
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0) // as it was
		runtime.UnlockOSThread()
	}
}
