package component

import "time"

// Startup is a component's start, from its packet to its report. Its methods may be
// called by several goroutines at once.
type Startup struct {
	caller *caller
	packet Packet

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

// Source is where the packet comes from: "live", from MetaGate itself.
func (s *Startup) Source() string { return "live" }
