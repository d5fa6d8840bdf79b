package stream

import (
	"errors"
	"fmt"
	"hash/fnv"
	"time"
)

// Position is how far a listener has been told, in the terms of the database: any
// replica can go on from there. Each member rises by itself.
type Position struct {
	Change int64  // all startups that were changed up to here, as store.Settled numbers changes
	Time   int64  // all deadlines before this time, in Unix microseconds
	Event  int64  // all events up to this seq
	World  int64  // the highest revision of any tenant
	Worlds uint32 // of the revisions of all tenants: revisions of two tenants don't rise in the order in which they are committed
}

// String is the position as Last-Event-ID has it.
func (p Position) String() string {
	return fmt.Sprintf("c%d.t%d.e%d.w%d-%08x", p.Change, p.Time, p.Event, p.World, p.Worlds)
}

var errPosition = errors.New("no id of this stream")

// ParsePosition reads what String wrote.
func ParsePosition(text string) (p Position, err error) {
	if n, err := fmt.Sscanf(text, "c%d.t%d.e%d.w%d-%08x", &p.Change, &p.Time, &p.Event, &p.World, &p.Worlds); n != 5 || err != nil {
		return Position{}, errPosition
	}
	if p.String() != text || min(p.Change, p.Time, p.Event, p.World) < 0 { // a sign, a zero before it, or something behind it
		return Position{}, errPosition
	}
	return p, nil
}

// farther is each member of the one that is farther.
func (p Position) farther(q Position) Position {
	p.Change, p.Time, p.Event = max(p.Change, q.Change), max(p.Time, q.Time), max(p.Event, q.Event)
	p.World, p.Worlds = q.World, q.Worlds
	return p
}

func (p Position) reached(q Position) bool {
	return p.Change >= q.Change && p.Time >= q.Time && p.Event >= q.Event
}

// fingerprint is a tenant's part of Worlds, which is their sum.
func fingerprint(tenant string, revision int64) uint32 {
	h := fnv.New32a()
	fmt.Fprintf(h, "%d %s", revision, tenant)
	return h.Sum32()
}

// worldOverlap is more than the transaction of an admin write may last, and clocks
// differ: a revision that is older than another by more was committed before it.
const worldOverlap = 7 * time.Minute
