// Package errs is the error vocabulary of MetaGate: a code that a program can
// act on, a message that a person can read, and a cause that only the log sees.
package errs

import (
	"errors"
	"fmt"
	"slices"
)

// Code classifies an error. Its text is the "code" member of the problem
// document (RFC 9457) that the server answers with.
type Code string

// The codes, each with the HTTP status that internal/server maps it to.
const (
	InvalidRequest        Code = "INVALID_REQUEST"         // 400
	InvalidReference      Code = "INVALID_REFERENCE"       // 400
	ForbiddenKeys         Code = "FORBIDDEN_KEYS"          // 400
	ProblemataUnvalidated Code = "PROBLEMATA_UNVALIDATED"  // 400
	ValidatorDenied       Code = "VALIDATOR_DENIED"        // 400
	Unauthenticated       Code = "UNAUTHENTICATED"         // 401
	Forbidden             Code = "FORBIDDEN"               // 403
	NoBinding             Code = "NO_BINDING"              // 403
	ComponentNotPermitted Code = "COMPONENT_NOT_PERMITTED" // 403
	NotFound              Code = "NOT_FOUND"               // 404
	SessionNotFound       Code = "SESSION_NOT_FOUND"       // 404
	MethodNotAllowed      Code = "METHOD_NOT_ALLOWED"      // 405
	AlreadyExists         Code = "ALREADY_EXISTS"          // 409
	InUse                 Code = "IN_USE"                  // 409
	InvalidState          Code = "INVALID_STATE"           // 409
	IdempotencyKeyReused  Code = "IDEMPOTENCY_KEY_REUSED"  // 409
	LastAdmin             Code = "LAST_ADMIN"              // 409
	PrincipalMismatch     Code = "PRINCIPAL_MISMATCH"      // 409
	HistoryGone           Code = "HISTORY_GONE"            // 410
	PreconditionFailed    Code = "PRECONDITION_FAILED"     // 412
	TooLarge              Code = "PAYLOAD_TOO_LARGE"       // 413
	RequestTimeout        Code = "REQUEST_TIMEOUT"         // 408
	UnsupportedMediaType  Code = "UNSUPPORTED_MEDIA_TYPE"  // 415
	TooManyRequests       Code = "TOO_MANY_REQUESTS"       // 429, with Retry-After
	Canceled              Code = "CANCELED"                // 499: the caller hung up, and only log and metrics learn of it
	Internal              Code = "INTERNAL"                // 500
	Unavailable           Code = "UNAVAILABLE"             // 503, with Retry-After
)

// Error is an error whose Code and Message may be shown to the caller.
type Error struct {
	Code    Code
	Message string
	Places  []Place
	Cause   error // never shown, only logged

	text int  // how long its places are in all
	full bool // the last place says that there may be more
}

// New returns an error with a formatted message.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: cut(fmt.Sprintf(format, args...), maxMessage)}
}

// Wrap is New with a cause for the log.
func Wrap(cause error, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: cut(fmt.Sprintf(format, args...), maxMessage), Cause: cause}
}

// At returns an error that names the offending places.
func At(code Code, message string, places ...Place) *Error {
	e := &Error{Code: code, Message: cut(message, maxMessage)}
	e.Add(places...)
	return e
}

// Error gives code and message, and the cause behind them.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Cause)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// From finds the Error in err's chain. Any other error is Internal with a
// fixed message, so that no driver text reaches a caller.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Wrap(err, Internal, "internal error")
}

// Is reports whether err carries code.
func Is(err error, code Code) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}

// Merge makes one error of several, nil ones left out, so that everything wrong
// is reported at once. An error that isn't the caller's fault wins alone.
func Merge(all ...error) error {
	var out *Error
	for _, err := range all {
		if err == nil {
			continue
		}
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code == Internal || e.Code == Unavailable {
			return err
		}
		if out == nil {
			merged := *e
			merged.Places = slices.Clone(e.Places)
			out = &merged
			continue
		}
		switch {
		case e.Code == out.Code:
		case e.Code == ForbiddenKeys || out.Code == ForbiddenKeys:
			out.Code = ForbiddenKeys // the doctrine before the details (contract 6)
		default:
			out.Code = InvalidRequest
		}
		out.Add(e.Places...)
		out.Message = fmt.Sprintf("%d places are wrong", len(out.Places))
		if out.full {
			out.Message = fmt.Sprintf("%d places are wrong, or more", len(out.Places)-1)
		}
	}
	if out == nil {
		return nil
	}
	return out
}

// Under moves the places of an error below prefix, a JSON Pointer. An error
// without places gets this one.
func Under(prefix string, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	moved := &Error{Code: e.Code, Message: e.Message, Cause: e.Cause}
	for _, p := range e.Places {
		moved.Add(Place{Pointer: prefix + p.Pointer, Detail: p.Detail})
	}
	if moved.Places == nil {
		moved.Add(Place{Pointer: prefix, Detail: e.Message})
	}
	return moved
}
