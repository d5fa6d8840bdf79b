package bootstrap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/legivellum/metagate/internal/doc"
)

// Body is what the packets of one world have alike, as they are sent: the stable members
// but the two keys, literally. With a Birth it makes a packet again, byte for byte.
func (b *Blueprint) Body() string { return string(b.members) }

// OfBody is a blueprint of nothing but a kept body: it can append packets.
func OfBody(body string) *Blueprint { return &Blueprint{members: []byte(body)} }

// Proves tells whether a body makes the packet that n's etag is of.
func Proves(body string, n Birth) error {
	members, err := MembersOf(body)
	if err != nil {
		return fmt.Errorf("the kept body of packet %s: %w", n.PacketID, err)
	}
	delete(members, "manifest_version") // equal content has an equal etag
	members["component_key"], members["principal_key"] = quoted(n.ComponentKey), quoted(n.PrincipalKey)
	text, err := json.Marshal(members)
	if err != nil {
		return err
	}
	stable, err := doc.Canonical(text)
	if err != nil {
		return err
	}
	if etag := EtagOf(stable); etag != n.Etag {
		return fmt.Errorf("the kept body of packet %s makes etag %s, and not %s", n.PacketID, etag, n.Etag)
	}
	return nil
}

// MembersOf are a body's members by name, as Compose returns them.
func MembersOf(body string) (members map[string]json.RawMessage, err error) {
	err = json.Unmarshal([]byte("{"+body+"}"), &members)
	return members, err
}

// Differing lists the members in which two packets differ, by the etag's own measure;
// nil is no packet, and has none.
func Differing(before, after map[string]json.RawMessage) []string {
	names := map[string]json.RawMessage{}
	maps.Copy(names, before)
	maps.Copy(names, after)
	delete(names, "manifest_version") // no part of the etag
	out := []string{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		b, _ := doc.Canonical(before[name])
		a, _ := doc.Canonical(after[name])
		if !bytes.Equal(a, b) {
			out = append(out, name)
		}
	}
	return out
}
