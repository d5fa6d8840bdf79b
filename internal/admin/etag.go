package admin

import (
	"bytes"
	"encoding/json"

	"github.com/legivellum/metagate/internal/doc"
)

// etag covers what a caller can write and when it was written. An API key's
// last_used_at is left out: using a key must not make an If-Match stale.
func (k *Kind[R, C, V]) etag(row R) string {
	of := k.ident(row)
	document, _ := json.Marshal(k.doc(row)) // made of stored rows: can't fail
	return doc.ETag(of.id[:], []byte(of.updated.Format(timeFormat)), document)
}

const timeFormat = "2006-01-02T15:04:05.000000Z07:00"

func stale(ifMatch, tag string) bool { return ifMatch != "" && !doc.MatchStrong(ifMatch, tag) }

// Same compares what callers may write, whatever the order of members.
func Same[C any](a, b C) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && (bytes.Equal(x, y) || doc.Equal(x, y))
}
