package contract

import (
	"bytes"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	contentType = "Content-Type"
	mediaJSON   = "application/json"
	mediaPatch  = "application/merge-patch+json"
)

// Takes reports whether the operation takes a body of the request's media type, which
// becomes the operation's own where it is another name of JSON. It also says which
// ones it would take.
func (r *Route) Takes(header http.Header) (ok bool, want []string) {
	content := r.route.Operation.RequestBody.Value.Content
	if content.Get(header.Get(contentType)) != nil {
		return true, nil
	}
	if r.meansJSON(header.Get(contentType)) {
		header.Set(contentType, mediaJSON)
		return true, nil
	}
	for mediaType := range content {
		want = append(want, mediaType)
	}
	return false, want
}

// meansJSON reports whether a media type is JSON to those who name it so loosely: none
// at all, or application/*+json where that doesn't say how to patch.
func (r *Route) meansJSON(mediaType string) bool {
	if mediaType == "" {
		return true
	}
	name, _, err := mime.ParseMediaType(mediaType)
	return err == nil && !r.patches && strings.HasPrefix(name, "application/") && strings.HasSuffix(name, "+json")
}

// Present is a body, which is I-JSON, without optional members that are null: they
// count as absent (contract 4). In a patch null has a meaning.
func (r *Route) Present(body []byte) []byte {
	if r.patches {
		return body
	}
	return withoutNull(body, r.body)
}

func withoutNull(body []byte, s *openapi3.Schema) []byte {
	if !bytes.Contains(body, []byte("null")) {
		return body
	}
	var out bytes.Buffer
	dec := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true)) // there are none: it is checked
	enc := jsontext.NewEncoder(&out, jsontext.AllowDuplicateNames(true), jsontext.PreserveRawStrings(true))
	if present(s, dec, enc) != nil {
		return body
	}
	return bytes.TrimSpace(out.Bytes())
}

// present copies the next value.
func present(s *openapi3.Schema, dec *jsontext.Decoder, enc *jsontext.Encoder) error {
	kind := dec.PeekKind()
	if s == nil || (kind != '{' && kind != '[') || (s.Properties == nil && s.Items == nil) {
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		return enc.WriteValue(value)
	}
	if err := copyToken(dec, enc); err != nil {
		return err
	}
	for dec.PeekKind() != '}' && dec.PeekKind() != ']' {
		of := s.Items
		if kind == '{' {
			name, err := dec.ReadValue()
			if err != nil {
				return err
			}
			name = name.Clone() // which is overwritten as soon as the decoder looks on
			text, err := jsontext.AppendUnquote(nil, name)
			if err != nil {
				return err
			}
			if of = s.Properties[string(text)]; of != nil && dec.PeekKind() == 'n' && !slices.Contains(s.Required, string(text)) {
				if err := dec.SkipValue(); err != nil {
					return err
				}
				continue
			}
			if err := enc.WriteValue(name); err != nil {
				return err
			}
		}
		if err := present(valueOf(of), dec, enc); err != nil {
			return err
		}
	}
	return copyToken(dec, enc)
}

func copyToken(dec *jsontext.Decoder, enc *jsontext.Encoder) error {
	t, err := dec.ReadToken()
	if err != nil {
		return err
	}
	return enc.WriteToken(t)
}

func valueOf(ref *openapi3.SchemaRef) *openapi3.Schema {
	if ref == nil {
		return nil
	}
	return ref.Value
}
