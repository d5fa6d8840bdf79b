package contract

import (
	"bytes"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/legivellum/metagate/internal/doc"
)

// quick is a quick look at the body of an operation that remembers, made from its
// schema: an object of texts and free-form documents. In one pass it says whether the
// body is I-JSON and fits; whatever else it meets is looked at slowly, by doc.Check and
// the validator, which say what is wrong.
type quick struct {
	required int
	fields   map[string]field
	headers  map[string]uint64 // parameters that are texts, and how long they may be
}

type field struct {
	required, object, uuid bool
	any                    bool // whatever it is
	other                  bool // which only the validator knows
	min, max               uint64
	pattern                *regexp.Regexp
	letters                *letters // instead of pattern, where they say it all
	enum                   []string
}

// newQuick returns nil for an operation that isn't so simple.
func newQuick(op *openapi3.Operation) *quick {
	if op.RequestBody == nil {
		return nil
	}
	media := op.RequestBody.Value.Content["application/json"]
	if media == nil || media.Schema == nil {
		return nil
	}
	f := quickBody(media.Schema.Value)
	for _, ref := range op.Parameters {
		p := ref.Value
		if p.In != openapi3.ParameterInHeader || p.Required || p.Schema.Value.Pattern != "" || p.Schema.Value.MaxLength == nil {
			return nil
		}
		f.headers[p.Name] = *p.Schema.Value.MaxLength
	}
	return f
}

func quickBody(schema *openapi3.Schema) *quick {
	f := &quick{fields: map[string]field{}, headers: map[string]uint64{}, required: len(schema.Required)}
	for name, ref := range schema.Properties {
		f.fields[name] = newField(ref.Value)
	}
	for _, name := range schema.Required {
		p := f.fields[name]
		p.required = true
		f.fields[name] = p
	}
	return f
}

// escapes are how JavaScript's patterns write a code point, and Go's don't.
var escapes = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

func newField(s *openapi3.Schema) field {
	f := field{any: s.Type == nil, min: s.MinLength, max: 1 << 62, object: s.Type.Is("object"), uuid: s.Format == "uuid"}
	if s.MaxLength != nil {
		f.max = *s.MaxLength
	}
	if s.Pattern != "" {
		pattern, err := regexp.Compile(escapes.ReplaceAllString(s.Pattern, `\x{$1}`))
		f.pattern, f.other = pattern, err != nil
		f.letters = lettersOf(pattern)
	}
	for _, v := range s.Enum {
		text, ok := v.(string)
		f.enum, f.other = append(f.enum, text), f.other || !ok
	}
	simple := s.AllOf == nil && s.AnyOf == nil && s.OneOf == nil && s.Not == nil && (s.Format == "" || f.uuid)
	free := f.object && s.Properties == nil && s.MinProps == 0 && s.MaxProps == nil && s.AdditionalProperties.Schema == nil
	f.other = f.other || !simple || (!f.any && !free && !s.Type.Is("string"))
	return f
}

var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// fits reports whether headers and body surely satisfy the schema, and the body what
// doc.Check asks for. Members that the schema doesn't name are ignored (contract 8).
func (f *quick) fits(header http.Header, body []byte) bool {
	for name, most := range f.headers {
		if values := header.Values(name); len(values) > 1 || (len(values) == 1 && !short(values[0], most)) {
			return false
		}
	}
	dec := decoders.Get().(*jsontext.Decoder)
	defer decoders.Put(dec)
	dec.Reset(bytes.NewBuffer(body)) // which it reads without copying
	if t, err := dec.ReadToken(); err != nil || t.Kind() != '{' {
		return false
	}
	missing := f.required
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return false
		}
		text := name.String()
		p, known := f.fields[text]
		value, err := dec.ReadValue()
		if err != nil || strings.IndexByte(text, 0) >= 0 || !plain(value) || (known && !p.fits(value)) {
			return false
		}
		if known && p.required {
			missing--
		}
	}
	if _, err := dec.ReadToken(); err != nil { // the end of the object
		return false
	}
	return missing == 0 && len(bytes.TrimLeft(body[dec.InputOffset():], " \t\r\n")) == 0
}

// plain reports whether a valid value is one that doc.Check takes, too. Escapes may
// be of U+0000: they are looked at slowly.
func plain(v jsontext.Value) bool {
	switch v.Kind() {
	case '{', '[':
		return doc.CheckDepth(v, doc.MaxDepth-1) == nil
	default:
		return bytes.IndexByte(v, '\\') < 0
	}
}

func (p field) fits(v jsontext.Value) bool {
	if p.any || p.other {
		return !p.other && v.Kind() != 'n' // null is absent: the validator's path sees to it
	}
	if p.object {
		return v.Kind() == '{'
	}
	// Other alphabets are the validator's: it counts UTF-16.
	if v.Kind() != '"' || !ascii(v) {
		return false
	}
	text := v[1 : len(v)-1]
	if n := uint64(len(text)); n < p.min || n > p.max {
		return false
	}
	if p.enum != nil {
		return slices.Contains(p.enum, string(text))
	}
	if p.uuid {
		return len(text) == 36 && uuid.Validate(string(text)) == nil
	}
	if p.letters != nil {
		return p.letters.spell(text)
	}
	return p.pattern == nil || p.pattern.Match(text)
}

func short(s string, most uint64) bool { return s != "" && uint64(len(s)) <= most && ascii([]byte(s)) }

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
