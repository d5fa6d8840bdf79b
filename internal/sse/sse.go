// Package sse is the format of server-sent events: WHATWG HTML, section 9.2.
package sse

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"strings"
	"time"
)

// MediaType is that of a stream of events.
const MediaType = "text/event-stream"

// Event is one event of a stream.
type Event struct {
	ID   string // the last one that was sent, with this event or before it
	Type string
	Data string
}

// maxLine is the longest line that is read.
const maxLine = 16 << 20

// Reader reads a stream.
type Reader struct {
	LastID string        // what to send as Last-Event-ID when the stream has ended
	Retry  time.Duration // how long to wait then; 0 where the server didn't say

	lines *bufio.Scanner
}

// NewReader reads events from r.
func NewReader(r io.Reader) *Reader {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), maxLine)
	s.Split(splitLines)
	return &Reader{lines: s}
}

// Next waits for the next event that has data; io.EOF is the stream's end. What was
// not ended by an empty line is no event.
func (r *Reader) Next() (Event, error) {
	var e Event
	var data []string
	for r.lines.Scan() {
		line := r.lines.Text()
		if line == "" {
			if data == nil {
				e = Event{}
				continue
			}
			e.ID, e.Data = r.LastID, strings.Join(data, "\n")
			if e.Type == "" {
				e.Type = "message"
			}
			return e, nil
		}
		field, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimPrefix(value, " "); field {
		case "event":
			e.Type = value
		case "data":
			data = append(data, value)
		case "id":
			if !strings.Contains(value, "\x00") {
				r.LastID = value
			}
		case "retry":
			if ms, err := strconv.ParseUint(value, 10, 32); err == nil {
				r.Retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
	if err := r.lines.Err(); err != nil {
		return Event{}, err
	}
	return Event{}, io.EOF
}

// splitLines ends lines at CR, LF or both.
func splitLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	i := bytes.IndexAny(data, "\r\n")
	switch {
	case i < 0 && atEOF && len(data) > 0:
		return len(data), data, nil
	case i < 0:
		return 0, nil, nil
	case data[i] == '\n':
		return i + 1, data[:i], nil
	case i+1 < len(data) && data[i+1] == '\n':
		return i + 2, data[:i], nil
	case i+1 < len(data) || atEOF:
		return i + 1, data[:i], nil
	}
	return 0, nil, nil // LF may follow
}

// Append appends an event whose data has one line; without an id it has that of the one before.
func Append(out []byte, event, id string, data []byte) []byte {
	out = append(append(append(out, "event: "...), event...), '\n')
	if id != "" {
		out = append(append(append(out, "id: "...), id...), '\n')
	}
	return append(append(append(out, "data: "...), data...), "\n\n"...)
}

// AppendID appends what moves the last id on, and is no event.
func AppendID(out []byte, id string) []byte {
	return append(append(append(out, "id: "...), id...), "\n\n"...)
}

// AppendRetry appends how long to wait before one connects again: a field of the event
// that comes next.
func AppendRetry(out []byte, wait time.Duration) []byte {
	return append(strconv.AppendInt(append(out, "retry: "...), wait.Milliseconds(), 10), '\n')
}

// Beat is a comment: it keeps a connection from being cut as silent.
const Beat = ":\n\n"
