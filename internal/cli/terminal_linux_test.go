package cli

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/testdb"
)

// terminal opens a pseudo-terminal: what is written to one end is read at the other.
func terminal(t *testing.T) (read, write *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	var locked, number int32
	ioctl := func(request uintptr, arg *int32) {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(unsafe.Pointer(arg)))
		require.Zero(t, errno)
	}
	ioctl(syscall.TIOCSPTLCK, &locked)
	ioctl(syscall.TIOCGPTN, &number)
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	return master, slave
}

func TestTheLogIsTextOnATerminalUnlessJSONWasAskedFor(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{"auto": "time=20", "text": "time=20", "json": `{"time":"20`} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			read, write := terminal(t)
			cmd := command(t, []string{"DATABASE_URL=" + testdb.SQLite(t), "LOG_FORMAT=" + format}, "serve", "--host=127.0.0.1", "--port=0")
			cmd.Stderr = write
			require.NoError(t, cmd.Start())
			require.NoError(t, write.Close())
			lines := bufio.NewReader(read)
			for said := ""; !strings.Contains(said, "MetaGate listens"); {
				var err error
				said, err = lines.ReadString('\n')
				require.NoError(t, err)
				require.True(t, strings.HasPrefix(said, want), said)
			}
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
			_, _ = io.Copy(io.Discard, lines) // ends with the other end of the line
			require.NoError(t, cmd.Wait())
			require.NoError(t, read.Close())
		})
	}
}
