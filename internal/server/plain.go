package server

import (
	"net/http"
	"strings"

	"github.com/legivellum/metagate/internal/doc"
)

// plainJSON takes the escapes for HTML out of JSON, which the generated answers
// have from encoding/json: no browser reads JSON as HTML (see security). Each
// answer is one Write.
type plainJSON struct{ http.ResponseWriter }

func (p plainJSON) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p plainJSON) Write(b []byte) (int, error) {
	if !strings.HasPrefix(p.Header().Get("Content-Type"), mediaJSON) {
		return p.ResponseWriter.Write(b)
	}
	if _, err := p.ResponseWriter.Write(doc.WithoutHTML(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}
