package component

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Where a packet comes from: Startup.Source.
const (
	SourceLive  = "live"  // MetaGate itself
	SourceCache = "cache" // the disk, as no MetaGate answered
)

// startOffline starts with the packet on disk, where that may be: MetaGate has not
// answered at all, or with 5xx. What it answers otherwise counts.
func (c *caller) startOffline(ctx context.Context, k *kept, cause error) (*Startup, error) {
	if c.CacheDir == "" || !away(cause) {
		return nil, cause
	}
	if k == nil {
		return nil, fmt.Errorf("%w; and there is no packet on disk", cause)
	}
	p, err := c.offline(k)
	if err != nil {
		return nil, fmt.Errorf("%w; and the packet on disk is refused: %w", cause, err)
	}
	now := c.clock.now().UTC().Truncate(time.Microsecond)
	p.Startup = Opened{StartupID: newID(now), Status: "OPEN", DeadlineAt: now.Add(p.Startup.DeadlineAt.Sub(p.IssuedAt)), Followup: p.Startup.Followup}
	s := &Startup{caller: c, turn: make(chan struct{}, 1), packet: p, fetched: k.FetchedAt, opened: now}
	c.Logger.WarnContext(ctx, "started with the packet on disk, as no MetaGate answers", "startup_id", s.ID(), "component", c.Component,
		"age", s.Age().Round(time.Second), "error", cause)
	return s, c.outbox.put(s.untold())
}

// away reports whether err is of a MetaGate that isn't there: no answer, or 5xx. A 429,
// a 408 or a page of somebody else's is an answer.
func away(err error) bool {
	u := (*unavailable)(nil)
	if !errors.As(err, &u) || len(u.causes) == 0 {
		return false
	}
	for _, cause := range u.causes {
		if p := (*Problem)(nil); errors.As(cause, &p) && p.Status < http.StatusInternalServerError || errors.As(cause, &foreign{}) {
			return false
		}
	}
	return true
}

// untold is the startup as MetaGate is told of it afterwards.
func (s *Startup) untold() untold {
	c := s.caller
	return untold{
		StartupID: s.ID(), ComponentKey: c.Component, PacketETag: s.packet.ETag, OpenedAt: s.opened,
		InstanceID: c.InstanceID, Host: c.Host, Labels: c.Labels, Status: "OPEN",
	}
}

// postpone keeps a report for when MetaGate is back.
func (s *Startup) postpone(state string, report ending) error {
	u := s.untold()
	now := s.caller.clock.now().UTC().Truncate(time.Microsecond)
	u.Status, u.ClosedAt = state, &now
	switch r := report.(type) {
	case readyReport:
		u.BuildVersion, u.Health = r.BuildVersion, r.Health
	case failedReport:
		u.Error, u.Details = r.Error, r.Details
	}
	if err := s.caller.outbox.put(u); err != nil {
		return fmt.Errorf("metagate: %s of startup %s: %w", state, s.ID(), err)
	}
	s.state = state
	s.caller.Logger.Warn("startup is reported later, when MetaGate answers", "startup_id", s.ID(), "status", state)
	return nil
}
