package original

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/legivellum/metagate/internal/doc"
)

type place struct {
	pointer jsontext.Pointer
	why     string
}

// overridesHere says the same in RFC 7396, which goes as deep as it goes, as overrides
// do there, where each member of a section is replaced whole: what the override of a
// member leaves out is set to null, so that the packet is the same.
func overridesHere(overrides json.RawMessage, p profile, m manifest) (json.RawMessage, []place) {
	sections, ok := object(overrides)
	if !ok {
		return overrides, nil // the server says what is wrong with it
	}
	base := map[string]json.RawMessage{
		"capabilities": p.Capabilities, "policy": p.Policy,
		"services": m.Services, "memory_map": m.MemoryMap, "polling": m.Polling, "schemas": m.Schemas,
	}
	var places []place
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		at := jsontext.Pointer("/overrides").AppendToken(name)
		under, known := base[name]
		if !known {
			places = append(places, place{at, "the original doesn't read this section of overrides"})
			delete(sections, name)
			continue
		}
		over, ok := object(sections[name])
		if !ok {
			continue
		}
		members, _ := object(under)
		for _, member := range slices.Sorted(maps.Keys(over)) {
			over[member] = whole(over[member], members[member], at.AppendToken(member), &places)
		}
		sections[name] = text(over)
	}
	return text(sections), places
}

// whole is the patch that makes value of under. A null in value is one here, too, but
// takes its member out.
func whole(value, under json.RawMessage, at jsontext.Pointer, places *[]place) json.RawMessage {
	if string(value) == "null" {
		*places = append(*places, place{at, "null is a value there, and takes the member out here"})
		return value
	}
	members, ok := object(value)
	if !ok {
		return value
	}
	below, _ := object(under)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		members[name] = whole(members[name], below[name], at.AppendToken(name), places)
	}
	for name := range below {
		if _, stays := members[name]; !stays {
			members[name] = json.RawMessage("null")
		}
	}
	return text(members)
}

// object is a JSON object's members, with their digits.
func object(b json.RawMessage) (members map[string]json.RawMessage, ok bool) {
	return members, json.Unmarshal(b, &members) == nil && members != nil
}

func text(members map[string]json.RawMessage) json.RawMessage {
	b, _ := json.Marshal(members) // it was JSON
	return doc.WithoutHTML(b)
}
