package main

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// tellSlack in its environment lets this test binary say, each time it begins,
// with which timer slack.
const tellSlack = "METAGATE_TEST_SLACK"

func init() {
	if os.Getenv(tellSlack) != "" {
		slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
		fmt.Fprintln(os.Stderr, time.Duration(slack), err)
	}
}

func TestServeStartsOverWithALargerTimerSlackUnlessOneIsSet(t *testing.T) {
	runtime.LockOSThread() // a child inherits the slack of the thread that starts it
	defer runtime.UnlockOSThread()
	set := func(slack time.Duration) {
		require.NoError(t, unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0))
	}
	defer set(usualSlack)
	begins := func(command string) string { return metagate(t, []string{tellSlack + "=1"}, command, "--help").log }
	set(usualSlack)
	require.Equal(t, "50µs <nil>\n300µs <nil>\n", begins("serve"))
	require.Equal(t, "50µs <nil>\n", begins("migrate"), "what ends soon begins once")
	set(70 * time.Microsecond)
	require.Equal(t, "70µs <nil>\n", begins("serve"), "the operator's stays")
}
