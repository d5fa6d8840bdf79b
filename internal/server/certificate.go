package server

import (
	"net/http"

	"github.com/legivellum/metagate/internal/identity"
)

// crossOrigin finds what a page of another site makes a browser send.
var crossOrigin http.CrossOriginProtection

// ownCertificate is the certificate of a request's connection, unless another site's
// page may be behind the request: a browser shows its certificate to whoever asks for
// it, and so a page could write in its owner's name. Keys and tokens it doesn't have.
func (s *Server) ownCertificate(r *http.Request) *identity.Certificate {
	c := s.Certificate(r)
	if c != nil && crossOrigin.Check(r) != nil {
		return nil
	}
	return c
}
