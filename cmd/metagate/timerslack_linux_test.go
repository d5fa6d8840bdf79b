package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestServeStartsOverWithALargerTimerSlackUnlessOneIsSet(t *testing.T) {
	for name, c := range map[string]struct{ inherited, want time.Duration }{
		"the usual":      {usualSlack, serverSlack},
		"the operator's": {70 * time.Microsecond, 70 * time.Microsecond},
	} {
		t.Run(name, func(t *testing.T) {
			runtime.LockOSThread() // a child inherits the slack of the thread that starts it
			defer runtime.UnlockOSThread()
			set := func(slack time.Duration) error {
				return unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0)
			}
			require.NoError(t, set(c.inherited))
			defer func() { require.NoError(t, set(usualSlack)) }()
			p := serve(t, nil)
			got, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/timerslack_ns")
			if os.IsPermission(err) {
				t.Skip("only CAP_SYS_NICE reads the slack of another process")
			}
			require.NoError(t, err)
			require.Equal(t, strconv.Itoa(int(c.want)), strings.TrimSpace(string(got)))
		})
	}
}
