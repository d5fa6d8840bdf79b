package witness

import (
	"context"
	"sync/atomic"
	"time"
)

// fate is what became of the last commit of receipts or reports.
type fate struct{ failed atomic.Pointer[error] }

func (f *fate) note(err error) {
	switch {
	case err != nil:
		f.failed.Store(&err)
	case f.failed.Load() != nil: // it seldom is: all writers read it, none changes it
		f.failed.Store(nil)
	}
}

// Committed is told of a commit: how many rows it had, what it took and how it ended. It
// must not wait: those whose rows they are do.
type Committed func(rows int, took time.Duration, err error)

// noted is write, whose fate is noted, and told unless tell is nil.
func noted[T, R any](f *fate, tell Committed, write func(context.Context, []T) ([]R, error)) func(context.Context, []T) ([]R, error) {
	return func(ctx context.Context, rows []T) ([]R, error) {
		began := time.Now()
		out, err := write(ctx, rows)
		f.note(err)
		if tell != nil {
			tell(len(rows), time.Since(began), err)
		}
		return out, err
	}
}

// LastWrite is the error of the last commit of receipts or reports; nil if it
// succeeded, or none was tried since one was found possible.
func (s *Service) LastWrite() error {
	if failed := s.fate.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// Writes reports whether receipts can be written: the last commit tells, and after
// one that failed a try does, as a server that nobody asks must not stay out for ever.
func (s *Service) Writes(ctx context.Context) error {
	failed := s.fate.failed.Load()
	if failed == nil {
		return nil
	}
	if err := s.store.TryReceipt(ctx); err != nil {
		return err
	}
	s.fate.failed.CompareAndSwap(failed, nil)
	return nil
}
