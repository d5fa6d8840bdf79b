package component

import "time"

// Startup is a component's start, from its packet to its report. Its methods may be
// called by several goroutines at once.
type Startup struct {
	caller  *caller
	packet  Packet
	fetched time.Time // when a packet of the disk came there; zero for a live one
	opened  time.Time // by the clock here

	turn  chan struct{} // has a token while somebody reports
	state string        // how it is closed; empty while it is OPEN; of who has the turn
}

// Packet is what MetaGate answered with.
func (s *Startup) Packet() Packet { return s.packet }

// ID is the startup's UUID: the startup_id of its receipt.
func (s *Startup) ID() string { return s.packet.Startup.StartupID }

// Deadline is when the startup turns overdue unless it is reported, by MetaGate's
// clock. A READY after it is accepted, and marked late.
func (s *Startup) Deadline() time.Time { return s.packet.Startup.DeadlineAt }

// Source is where the packet comes from: SourceLive or SourceCache.
func (s *Startup) Source() string {
	if s.fetched.IsZero() {
		return SourceLive
	}
	return SourceCache
}

// Age is how long ago MetaGate answered with the packet; 0 for a live one.
func (s *Startup) Age() time.Duration {
	if s.fetched.IsZero() {
		return 0
	}
	return s.caller.clock.now().Sub(s.fetched)
}
