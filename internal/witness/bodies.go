package witness

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// A body that is served has been seen in the last seenEvery, and is not removed before
// the last packet that was made of it is past keeping by seenSlack.
const (
	seenEvery = time.Hour
	seenSlack = 2 * time.Hour
)

// keeping is where a blueprint's body is kept, for the packets of the past.
type keeping struct {
	body int64 // its id
	hash string
	seen time.Time // when the database was last told, or told us
}

// aged tells whether the database has to be told that the body is still served.
func (k keeping) aged(now time.Time) bool { return now.Sub(k.seen) >= seenEvery }

// keep puts b's body on disk before b is served, unless it is there; a world that moved
// and left b as it was, or a server that starts anew, writes nothing.
func (s *Service) keep(ctx context.Context, q store.Queries, tenant string, b *blueprintAt) error {
	body, now := b.Body(), s.now()
	b.keeping = keeping{hash: hashOf(tenant, body), seen: now}
	found, err := q.FindPacketBody(ctx, b.hash)
	if known := (keeping{body: found.ID, hash: b.hash, seen: found.LastSeen}); err == nil && !known.aged(now) {
		b.keeping = known
		return nil
	}
	if err != nil && !store.IsNotFound(err) {
		return err
	}
	b.body, err = q.KeepPacketBody(ctx, store.KeepPacketBodyParams{ID: newBodyID(), Hash: b.hash, TenantKey: tenant, Body: body, Seen: now})
	return err
}

// hashOf is of the literal text: equal content that is written differently is another body.
func hashOf(tenant, body string) string {
	sum := sha256.Sum256([]byte(tenant + "\n" + body)) // no key has a line's end
	return hex.EncodeToString(sum[:])
}

// newBodyID is 62 random bits, and never zero.
func newBodyID() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return int64(binary.BigEndian.Uint64(b[:])>>2) + 1
}

// bodyBy is how a receipt names its packet's body, and the door that the packet left by.
func (k keeping) bodyBy(door Followup) *int64 {
	if door == ByMCP {
		return new(-k.body)
	}
	return new(k.body)
}

// Packet is the very packet that a startup was answered with, for its owner and for an
// admin, as JSON, and its packet_etag; HISTORY_GONE past its retention.
func (s *Service) Packet(ctx context.Context, who identity.Caller, id uuid.UUID) (packet []byte, etag string, err error) {
	row, err := s.Get(ctx, who, id)
	if err != nil {
		return nil, "", err
	}
	gone := errs.New(errs.HistoryGone, "the packet of this startup is no longer kept (PACKET_RETENTION_HOURS)")
	switch {
	case row.ClaimedOpenedAt != nil:
		return nil, "", errs.New(errs.HistoryGone, "this startup was told of afterwards: it was answered with no packet, and had one of before")
	case row.PacketBody == nil:
		return nil, "", errs.New(errs.HistoryGone, "this startup is from before packets were kept")
	case s.keepPackets > 0 && s.now().Sub(row.OpenedAt) > s.keepPackets:
		return nil, "", gone
	}
	door, bodyID := ByREST, *row.PacketBody
	if bodyID < 0 {
		door, bodyID = ByMCP, -bodyID
	}
	kept, err := s.GetPacketBody(ctx, store.GetPacketBodyParams{ID: bodyID, TenantKey: row.TenantKey})
	if store.IsNotFound(err) {
		return nil, "", gone
	}
	if err != nil {
		return nil, "", err
	}
	birth := bootstrap.Birth{
		PacketID: row.PacketID, StartupID: row.ID, PrincipalKey: row.PrincipalKey, ComponentKey: row.ComponentKey,
		Etag: row.PacketEtag, IssuedAt: row.OpenedAt, DeadlineAt: row.DeadlineAt,
	}
	if err := bootstrap.Proves(kept.Body, birth); err != nil {
		return nil, "", errs.Wrap(err, errs.Internal, "internal error")
	}
	return bootstrap.OfBody(kept.Body).AppendPacket(nil, birth, door), row.PacketEtag, nil
}
