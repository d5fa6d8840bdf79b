package launch

import (
	"encoding/json"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPathFindsWhatIsThereAndNothingElse(t *testing.T) {
	t.Parallel()
	packet, err := decode([]byte(`{"a": {"b": [{"c": 12345678901234567890}, 1.10], "x.y": {"~/": "<&>"}, "none": null, "e": {}}, "": 1}`))
	require.NoError(t, err)
	for _, path := range []string{"b", "a.b.2", "a.b.-1", "a.b.x", "a.b.0.c.d", "a.none", "a.none.x", "a.x.y", "/a/x", "a."} {
		_, ok := at(packet, path)
		require.False(t, ok, path)
	}
	for path, want := range map[string]string{
		"a.b.0.c": "12345678901234567890", "a.b.1": "1.10", "/a/x.y/~0~1": "<&>", "a.b.0": `{"c":12345678901234567890}`,
		"a.e": "{}", "/a/x.y": `{"~/":"<&>"}`, "/": "1",
	} {
		value, ok := at(packet, path)
		require.True(t, ok, path)
		got, err := text(value)
		require.NoError(t, err)
		require.Equal(t, want, got, path)
	}
	_, err = text("a\x00b")
	require.Error(t, err)
}

func TestWhereAProbeLooksIsReadAsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"tcp:", "tcp:0", "tcp:65536", "tcp:host", "tcp:host:http", "tcp:::1", "http:/x", "http://", "http://u:p@h/", "log:", "exec:", "exec:[]", "notify:x", "exit:0", "after:-1s", "8080", ""} {
		_, err := ParseCondition(bad)
		require.ErrorContains(t, err, bad)
	}
	for written, want := range map[string]string{
		"tcp:8080": "127.0.0.1:8080", "tcp:db:5432": "db:5432", "tcp:[::1]:80": "[::1]:80", "tcp::80": "127.0.0.1:80",
		"http:8080": "http://127.0.0.1:8080/", "http:8080/a?b=c": "http://127.0.0.1:8080/a?b=c", "http://h:80/x": "http://h:80/x",
		"https:8443/": "https://127.0.0.1:8443/", "https://example.org/x": "https://example.org/x", "file:/run/up": "/run/up",
	} {
		c, err := ParseCondition(written)
		require.NoError(t, err, written)
		require.Equal(t, want, c.arg, written)
		require.True(t, c.Outside())
	}
	for written, want := range map[string][]string{"exec:a b": {"/bin/sh", "-c", "a b"}, `exec:["a", "b c"]`: {"a", "b c"}} {
		c, err := ParseCondition(written)
		require.NoError(t, err)
		require.Equal(t, want, c.argv)
	}
}

func TestTheKernelsAddressesAreRead(t *testing.T) {
	t.Parallel()
	if !isLittleEndian() {
		t.Skip("skipped: the examples are of a little-endian machine")
	}
	for written, want := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"00000000000000000000000001000000:0050": "[::1]:80",
		"0000000000000000FFFF00000100007F:0050": "127.0.0.1:80",
		"B80D0120000000000000000001000000:FFFF": "[2001:db8::1]:65535",
	} {
		got, ok := kernelAddress(written)
		require.True(t, ok, written)
		require.Equal(t, netip.MustParseAddrPort(want), got)
	}
	for _, bad := range []string{"", "0100007F", "0100007F:", "01:80", "0100007G:80", "0100007F:10000"} {
		_, ok := kernelAddress(bad)
		require.False(t, ok, bad)
	}
}

func isLittleEndian() bool {
	at, _ := kernelAddress("0100007F:0001")
	return at.Addr().IsLoopback()
}

func TestAPumpPassesEverythingOnAndLooksAtWholeLines(t *testing.T) {
	t.Parallel()
	from, w, err := os.Pipe()
	require.NoError(t, err)
	to, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	var lines []string
	p := &pump{from: from, to: to, tail: &tail{}, lines: func(line []byte) { lines = append(lines, string(line)) }, done: make(chan struct{})}
	go p.run()
	long := strings.Repeat("x", 3*maxLine)
	for _, part := range []string{"one\r\nt", "wo\n\n", long, long + "\n", "\xff\x00 the end"} {
		_, err := w.WriteString(part)
		require.NoError(t, err)
	}
	p.finish() // the other end is open still
	require.Equal(t, []string{"one", "two", "", long[:maxLine], "\xff\x00 the end"}, lines)
	text, err := os.ReadFile(to.Name())
	require.NoError(t, err)
	require.Equal(t, "one\r\ntwo\n\n"+long+long+"\n\xff\x00 the end", string(text))
	require.True(t, strings.HasSuffix(p.tail.String(), "x\n\uFFFD\x00 the end"))
	require.NoError(t, w.Close())
	require.NoError(t, to.Close())
}

func TestAWriterWhoseReaderHasGoneIsToldSo(t *testing.T) {
	t.Parallel()
	from, w, err := os.Pipe()
	require.NoError(t, err)
	r, to, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	p := &pump{from: from, to: to, done: make(chan struct{})}
	go p.run()
	_, err = w.WriteString("nobody reads this")
	require.NoError(t, err)
	<-p.done
	_, err = w.WriteString("nor this")
	require.ErrorIs(t, err, syscall.EPIPE)
}

func TestTheReportOfManySignalsIsSmall(t *testing.T) {
	t.Parallel()
	l, c := &launch{Config: Config{Command: []string{"job"}}, kids: newKids()}, &command{terminal: &terminal{}, waiting: &waiting{}}
	for range 7000 {
		l.pass(c, syscall.SIGUSR1)
	}
	l.pass(c, syscall.SIGTERM)
	details, reason := l.death(c, 0)
	require.ErrorContains(t, reason, "after SIGTERM was passed on")
	text, err := json.Marshal(details)
	require.NoError(t, err)
	require.Less(t, len(text), 1<<10)
	require.Contains(t, string(text), `"SIGUSR1","SIGTERM"]`, "the last ones")
}

func TestOnlyTheFirstLineThatMatchesCounts(t *testing.T) {
	t.Parallel()
	look, found := matcher(regexp.MustCompile(`^ready$`))
	look([]byte("not ready"))
	select {
	case <-found:
		require.Fail(t, "it didn't match")
	default:
	}
	look([]byte("ready"))
	look([]byte("ready"))
	<-found
}
