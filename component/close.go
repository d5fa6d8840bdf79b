package component

import (
	"context"
	"fmt"
)

// Close ends a startup, and is meant to be deferred right after Start:
//
//	defer s.Close()
//
// Where neither READY nor FAILED was reported it reports FAILED: "closed before it was
// ready". Where the program panics it reports FAILED with the panic's value, and panics
// again with the same value; the trace still shows where it came from. That works only
// where Close itself is what is deferred: called by a deferred function it doesn't see
// the panic, which then goes its way, and the report is that it was closed. os.Exit and
// log.Fatal run nothing that is deferred, nor does a panic in another goroutine.
//
// It tries for Config.ReportBudget, whatever became of the context of Start. After a
// READY or FAILED it reports nothing, and a panic passes untouched. It may be called twice.
// Reports after it are ErrReported. Where MetaGate is being told of earlier starts without
// it just then (Config.CacheDir), Close waits for that, a second at most.
func (s *Startup) Close() error {
	s.turn <- struct{}{} // for no longer than a report's budget
	defer func() { <-s.turn }()
	if s.state != "" {
		s.caller.end()
		return nil
	}
	reason := "closed before it was ready"
	value := recover()
	if value != nil {
		reason = fmt.Sprintf("panic: %v", value)
	}
	err := s.send(context.Background(), pathFailed, stateFailed, failedReport{s.ID(), clean(reason), nil})
	s.state = stateFailed
	s.caller.end()
	if value != nil {
		panic(value)
	}
	return err
}
