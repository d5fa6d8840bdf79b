package component

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Errors to be asked for with errors.Is.
var (
	// ErrUnavailable is that no address gave an answer that counts within the budget.
	// Behind it are what went wrong last at each address.
	ErrUnavailable = errors.New("MetaGate is unavailable")
	// ErrUnverified is that MetaGate's packet must not be believed: it is not signed by
	// the keys that it has to be, or older than one that was seen.
	ErrUnverified = errors.New("metagate: the packet is not verified")
	// ErrReported is that the startup was reported or closed before, and can't be
	// reported otherwise now. Nothing was sent.
	ErrReported = errors.New("metagate: the startup is closed already")
	// ErrNotInPacket is that the packet has no service, or requires no secret, of that name.
	ErrNotInPacket = errors.New("metagate: not in the packet")
)

// unavailable is ErrUnavailable with what went wrong.
type unavailable struct {
	attempts int
	budget   time.Duration
	causes
}

func (u *unavailable) Error() string {
	return fmt.Sprintf("%v (attempts: %d, budget: %v): %v", ErrUnavailable, u.attempts, u.budget, u.causes)
}

func (u *unavailable) Is(target error) bool { return target == ErrUnavailable }

// causes are what went wrong last, one an address, on one line.
type causes []error

func (c causes) Error() string {
	texts := make([]string, len(c))
	for i, cause := range c {
		texts[i] = cause.Error()
	}
	return strings.Join(texts, "; ")
}

func (c causes) Unwrap() []error { return c }

// final is an error that another attempt wouldn't mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// mends reports whether another attempt may go better. An answer that isn't MetaGate's
// may be one that was cut short, or a proxy's that has no server at the moment.
func mends(err error) bool {
	if p := (*Problem)(nil); errors.As(err, &p) {
		return p.Status == http.StatusRequestTimeout || p.Status == http.StatusTooManyRequests || p.Status >= http.StatusInternalServerError
	}
	return !errors.As(err, &final{})
}
