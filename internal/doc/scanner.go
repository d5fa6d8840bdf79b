package doc

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// unchecked skips the checks that are pointless on text that was checked before.
var unchecked = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// scanner reads one document token by token, strictly, without copying it.
type scanner struct {
	in      bytes.Buffer
	dec     jsontext.Decoder
	all     []byte
	scratch []byte
	started bool
}

// A decoder is a kilobyte and keeps its stacks, so it is worth reusing.
var scanners = sync.Pool{New: func() any { return new(scanner) }}

func open(b []byte, opts ...jsontext.Options) *scanner {
	s := scanners.Get().(*scanner)
	s.all, s.started = b, false
	s.in = *bytes.NewBuffer(b)
	s.dec.Reset(&s.in, opts...)
	return s
}

func (s *scanner) close() {
	s.all, s.in = nil, bytes.Buffer{}
	s.dec.Reset(&s.in) // lets go of the document
	if cap(s.scratch) > 4<<10 {
		s.scratch = nil
	}
	scanners.Put(s)
}

// next returns the next token and, for all but brackets, its literal, which is
// valid until the call after. It ends with io.EOF after exactly one value.
func (s *scanner) next() (kind jsontext.Kind, raw []byte, err error) {
	if s.started && s.dec.StackDepth() == 0 {
		return 0, nil, s.end()
	}
	s.started = true
	switch kind = s.dec.PeekKind(); kind {
	case '{', '}', '[', ']':
		_, err = s.dec.ReadToken()
	default:
		raw, err = s.dec.ReadValue()
	}
	if err != nil {
		return 0, nil, s.explain(err)
	}
	return kind, raw, nil
}

// end looks at what follows the one value.
func (s *scanner) end() error {
	rest := bytes.TrimLeft(s.all[s.dec.InputOffset():], " \t\r\n")
	if len(rest) > 0 {
		return refuse(int64(len(s.all)-len(rest)), "", "invalid JSON: text after the value")
	}
	return io.EOF
}

// afterName reports whether the string just read is a member name.
func (s *scanner) afterName() bool {
	kind, length := s.dec.StackIndex(s.dec.StackDepth())
	return kind == '{' && length%2 == 1
}

// unquote returns the text of a string literal, valid until the next call.
func (s *scanner) unquote(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	s.scratch, _ = jsontext.AppendUnquote(s.scratch[:0], raw)
	return s.scratch
}

// explain turns the library's error into ours, without its prefix and types.
func (s *scanner) explain(err error) error {
	if errors.Is(err, io.EOF) {
		return refuse(0, "", "invalid JSON: the document is empty")
	}
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return err // unreachable: reading from memory fails in no other way
	}
	what, offset := syntax.Err.Error(), syntax.ByteOffset
	switch {
	case errors.Is(syntax.Err, jsontext.ErrDuplicateName):
		what = "duplicate member name"
	case errors.Is(syntax.Err, io.ErrUnexpectedEOF):
		what, offset = "the document ends too early", int64(len(s.all))
	}
	return refuse(offset, syntax.JSONPointer, "invalid JSON: %s", what)
}
