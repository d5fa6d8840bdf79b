package store

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// arrays writes a []T as PostgreSQL's binary array format has it. pgx's own
// codec does so through an interface value for each element, and the arrays of
// a batch are most of what a bootstrap sends.
type arrays[T any] struct {
	pgtype.Codec // for whatever isn't a []T
	element      uint32
	put          func([]byte, T) []byte
}

func (c arrays[T]) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.([]T); ok && format == pgtype.BinaryFormatCode {
		return c
	}
	return c.Codec.PlanEncode(m, oid, format, value)
}

// Encode implements pgtype.EncodePlan.
func (c arrays[T]) Encode(value any, buf []byte) ([]byte, error) {
	elements := value.([]T) // PlanEncode saw to it
	if elements == nil {
		return nil, nil
	}
	buf = binary.BigEndian.AppendUint32(buf, 1) // dimensions
	buf = binary.BigEndian.AppendUint32(buf, 0) // no NULLs
	buf = binary.BigEndian.AppendUint32(buf, c.element)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(elements)))
	buf = binary.BigEndian.AppendUint32(buf, 1) // the first index
	for _, e := range elements {
		at := len(buf)
		buf = c.put(append(buf, 0, 0, 0, 0), e)
		binary.BigEndian.PutUint32(buf[at:], uint32(len(buf)-at-4))
	}
	return buf, nil
}

// registerArrays makes the arrays of the batches quick.
func registerArrays(m *pgtype.Map) {
	register(m, pgtype.TextArrayOID, pgtype.TextOID, func(b []byte, s string) []byte { return append(b, s...) })
	register(m, pgtype.UUIDArrayOID, pgtype.UUIDOID, func(b []byte, id uuid.UUID) []byte { return append(b, id[:]...) })
	register(m, pgtype.Int8ArrayOID, pgtype.Int8OID, func(b []byte, n int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) })
	register(m, pgtype.TimestamptzArrayOID, pgtype.TimestamptzOID, func(b []byte, t time.Time) []byte {
		return binary.BigEndian.AppendUint64(b, uint64(t.UnixMicro()-postgresEpoch))
	})
}

// postgresEpoch is 2000-01-01, in microseconds of Unix time.
const postgresEpoch = 946_684_800_000_000

func register[T any](m *pgtype.Map, array, element uint32, put func([]byte, T) []byte) {
	t, _ := m.TypeForOID(array) // pgx knows all of these
	m.RegisterType(&pgtype.Type{Name: t.Name, OID: array, Codec: arrays[T]{t.Codec, element, put}})
}
