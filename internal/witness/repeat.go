package witness

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// keyDrift is how far the time in an Idempotency-Key may be from the server's: ids
// stand for the order of starts, so a clock that is wrong gives none.
const keyDrift = 5 * time.Minute

// newID is the id of a startup that begins now: its Idempotency-Key, if that is a UUIDv7
// (RFC 9562) of about now.
func newID(now time.Time, key uuid.UUID) uuid.UUID {
	if key.Version() == 7 && key.Variant() == uuid.RFC4122 {
		if made := time.Unix(key.Time().UnixTime()); now.Sub(made).Abs() <= keyDrift {
			return key
		}
	}
	return store.NewID(now)
}

// repeat answers a bootstrap whose Idempotency-Key has opened a startup before, with
// that one: its answer was lost on the way. What it was told is on record, so where
// the packet is another by now, be it by its manifest_version alone, a new startup supersedes it.
func (s *Service) repeat(ctx context.Context, who identity.Caller, b Birth, again Opened) (Opened, error) {
	if err := s.confirm(ctx, who, nil); err != nil {
		return Opened{}, err
	}
	first, err := s.GetStartup(ctx, again.StartupID)
	switch {
	case err != nil:
		return Opened{}, err
	case first.PrincipalID != who.ID || first.ComponentKey != b.ComponentKey:
		return Opened{}, errs.New(errs.IdempotencyKeyReused, "the Idempotency-Key is another startup's: make a new one for each start")
	case first.Status != string(model.StartupStatusOPEN) || first.SupersededAt != nil:
		return Opened{}, errs.New(errs.IdempotencyKeyReused, "the startup of the Idempotency-Key is no longer open: make a new one for each start")
	case first.PacketEtag == again.Etag && again.blueprint.made(first):
		again.PacketID, again.IssuedAt, again.DeadlineAt = first.PacketID, first.OpenedAt, first.DeadlineAt
		return again, nil
	}
	b.IdempotencyKey = uuid.Nil
	if again, err = s.bootstrap(ctx, who, b); err != nil {
		return Opened{}, err
	}
	return again, s.tx(ctx, func(q store.Queries) error {
		_, err := q.SupersedeStartup(ctx, store.SupersedeStartupParams{ID: first.ID, SupersededBy: &again.StartupID, SupersededAt: &again.IssuedAt})
		return err
	})
}

// made tells whether a startup was answered with the very body of k, as far as it is known.
func (k keeping) made(r store.StartupSession) bool {
	return r.PacketBody == nil || *r.PacketBody == k.body || *r.PacketBody == -k.body
}
