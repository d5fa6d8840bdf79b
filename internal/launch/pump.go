package launch

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"sync"
	"syscall"
	"time"
)

// tailSize is how much of stderr is kept, maxLine how much of a line is looked at.
const (
	tailSize = 8 << 10
	maxLine  = 64 << 10
)

// pump passes on what the command writes to one of its streams, as it comes, and looks at it.
type pump struct {
	from, to *os.File
	lines    func([]byte) // gets each line, without its end; nil for none
	tail     *tail        // nil for none
	line     []byte
	done     chan struct{}
}

// tail is the end of what was written.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) add(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.ToValidUTF8(t.text, []byte("\uFFFD")))
}

// run pumps until the stream ends. Where nobody reads what is written, the command is told as it would be without us:
// its next write fails.
func (p *pump) run() {
	defer close(p.done)
	defer p.rest()
	defer p.from.Close()
	without(syscall.SIGPIPE, func() {
		buffer := make([]byte, 16<<10)
		for {
			n, err := p.from.Read(buffer)
			if n > 0 && !p.pass(buffer[:n]) {
				return
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				p.drain(buffer)
				return
			}
			if err != nil {
				return
			}
		}
	})
}

func (p *pump) pass(text []byte) bool {
	_, err := p.to.Write(text)
	if p.tail != nil {
		p.tail.add(text)
	}
	if p.lines != nil {
		p.cut(text)
	}
	return err == nil
}

// cut looks at the lines that are complete.
func (p *pump) cut(text []byte) {
	for {
		line, rest, ended := bytes.Cut(text, []byte("\n"))
		if room := maxLine - len(p.line); len(line) > room {
			line = line[:room]
		}
		p.line = append(p.line, line...)
		if !ended {
			return
		}
		p.lines(bytes.TrimSuffix(p.line, []byte("\r")))
		p.line, text = p.line[:0], rest
	}
}

// rest looks at the last line, which may have no end.
func (p *pump) rest() {
	if len(p.line) > 0 {
		p.lines(bytes.TrimSuffix(p.line, []byte("\r")))
	}
}

// drain passes on what is in the pipe already.
func (p *pump) drain(buffer []byte) {
	raw, err := p.from.SyscallConn()
	if err != nil {
		return
	}
	_ = p.from.SetReadDeadline(time.Time{})
	_ = raw.Control(func(fd uintptr) {
		for {
			n, err := syscall.Read(int(fd), buffer)
			if err == syscall.EINTR {
				continue
			}
			if n <= 0 || !p.pass(buffer[:n]) {
				return
			}
		}
	})
}

// finish ends the pump once the command has ended: what it wrote is passed on, but who it left behind with the stream
// open isn't waited for.
func (p *pump) finish() {
	_ = p.from.SetReadDeadline(time.Unix(1, 0))
	select {
	case <-p.done:
	case <-time.After(2 * time.Second): // nobody takes it
	}
}

// matcher closes found at the first line that matches.
func matcher(re *regexp.Regexp) (look func([]byte), found <-chan struct{}) {
	c := make(chan struct{})
	var once sync.Once
	return func(line []byte) {
		select {
		case <-c: // seen
		default:
			if re.Match(line) {
				once.Do(func() { close(c) })
			}
		}
	}, c
}
