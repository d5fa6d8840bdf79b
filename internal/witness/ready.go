package witness

import (
	"context"
	"sync/atomic"
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

// noted is write, whose fate is noted.
func noted[T, R any](f *fate, write func(context.Context, []T) ([]R, error)) func(context.Context, []T) ([]R, error) {
	return func(ctx context.Context, rows []T) ([]R, error) {
		out, err := write(ctx, rows)
		f.note(err)
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
