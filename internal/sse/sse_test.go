package sse_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/sse"
)

func events(t *testing.T, r io.Reader) ([]sse.Event, *sse.Reader) {
	t.Helper()
	reader := sse.NewReader(r)
	var all []sse.Event
	for {
		e, err := reader.Next()
		if err == io.EOF {
			return all, reader
		}
		require.NoError(t, err)
		all = append(all, e)
	}
}

func TestWhatIsNoEventIsPassedOver(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n\n\n", ": comment\n\n", "event: x\n\n", "retry: soon\n\n", "id\n\n", "unknown: 1\n\n", "data: cut off", "data: cut off\n"} {
		all, reader := events(t, strings.NewReader(text))
		require.Empty(t, all, "%q", text)
		require.Zero(t, reader.Retry, "%q", text)
	}
}

// The examples are those of the standard, section 9.2.6, and what it says in words.
func TestEventsAreReadAsTheStandardSays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]sse.Event{
		"data: YHOO\ndata: +2\ndata: 10\n\n": {{Type: "message", Data: "YHOO\n+2\n10"}},
		": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n": {
			{ID: "1", Type: "message", Data: "first event"}, {Type: "message", Data: "second event"}, {Type: "message", Data: " third event"},
		},
		"data\n\ndata\ndata\n\ndata:":                       {{Type: "message"}, {Type: "message", Data: "\n"}},
		"data:test\n\ndata: test\n\n":                       {{Type: "message", Data: "test"}, {Type: "message", Data: "test"}},
		"event: a\r\ndata: 1\r\n\r\ndata: 2\r\rdata: 3\n\n": {{Type: "a", Data: "1"}, {Type: "message", Data: "2"}, {Type: "message", Data: "3"}},
		"id: 7\n\ndata: x\n\n":                              {{ID: "7", Type: "message", Data: "x"}},
	} {
		all, _ := events(t, strings.NewReader(text))
		require.Equal(t, want, all, "%q", text)
		all, _ = events(t, iotest.OneByteReader(strings.NewReader(text)))
		require.Equal(t, want, all, "%q byte by byte", text)
	}
}

func TestWhatIsAppendedIsReadAgain(t *testing.T) {
	t.Parallel()
	out := sse.AppendID(sse.AppendRetry(nil, 1500*time.Millisecond), "first")
	out = append(out, sse.Beat...)
	out = sse.Append(out, "startup", "", []byte(`{"a":1}`))
	out = sse.Append(out, "world", "next", []byte(`{}`))
	all, reader := events(t, strings.NewReader(string(out)))
	require.Equal(t, []sse.Event{{ID: "first", Type: "startup", Data: `{"a":1}`}, {ID: "next", Type: "world", Data: `{}`}}, all)
	require.Equal(t, 1500*time.Millisecond, reader.Retry)
	require.Equal(t, "next", reader.LastID)
}

func TestALineWithoutEndIsNotKept(t *testing.T) {
	t.Parallel()
	_, err := sse.NewReader(io.LimitReader(endless{}, 32<<20)).Next()
	require.ErrorContains(t, err, "too long")
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}
