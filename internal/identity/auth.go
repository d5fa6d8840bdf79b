// Package identity tells who asks: it verifies the two credentials of MetaGate,
// JSON Web Tokens (RFC 7519) and API keys (contract section 3), looks up the
// principal they belong to, remembers it, and makes guessing cost its sender. It
// knows no transport: whoever has one shows it a Door and gets a Caller.
//
// It is the only package that imports jwx, which reads signatures, keys and
// claims. What comes before a signature has been checked, a token's form and its
// header, is read here and strictly: there jwx is lenient.
package identity

import "github.com/legivellum/metagate/internal/errs"

// Unauthenticated is the one answer for every credential that is missing,
// malformed, expired, revoked or unknown, so that a caller learns nothing from
// the difference (contract section 3). The cause is for the log alone and must
// not hold the credential.
func Unauthenticated(cause error) error {
	return errs.Wrap(cause, errs.Unauthenticated, "missing or invalid credentials")
}
