package identity

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// Certificate is a client's: a TLS handshake has proved that the other end of a
// connection has its key, and that somebody trusted has signed it.
type Certificate struct {
	Subject  string    // its SPIFFE ID, else its subject (RFC 4514): the auth_subject
	SHA256   string    // of its DER form, in lower-case hex
	NotAfter time.Time // UTC, in whole seconds
}

// all are the credentials of a door in the order in which they are tried. What a request
// says goes before what its connection is: many may share that.
func (d Door) all() []Shown {
	if d.Certificate == nil {
		return d.Shown
	}
	return append(slices.Clip(d.Shown), Shown{Scheme: ClientCertificate, Text: d.Certificate.SHA256})
}

// byCertificate looks up who a certificate belongs to. It may have expired since the
// handshake: a connection can be kept for long.
func (s *Service) byCertificate(ctx context.Context, q store.Queries, c *Certificate) (Caller, error) {
	switch {
	case !s.Now().Before(c.NotAfter):
		return Caller{}, Unauthenticated(errors.New("the client certificate has expired"))
	case !validSubject(c.Subject):
		return Caller{}, Unauthenticated(errors.New("the client certificate's subject is not 1 to 255 characters without control characters"))
	}
	row, err := q.GetIdentityBySubject(ctx, c.Subject)
	if store.IsNotFound(err) {
		return Caller{}, errs.New(errs.Forbidden, "the client certificate's subject %q is no active principal", c.Subject)
	}
	if err != nil {
		return Caller{}, err
	}
	who := Caller{Method: model.AuthMethodMtls, ExpiresAt: c.NotAfter}
	return s.asPrincipal(who, row, credential{Subject: c.Subject, SHA256: c.SHA256})
}
