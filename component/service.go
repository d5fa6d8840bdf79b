package component

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Service is where another service is, as the packet's services describe it.
type Service struct {
	// Name is its key among the services.
	Name string
	// Type is the text member type; empty where there is none.
	Type string
	// Endpoint is the text member endpoint, a URL as a rule; empty where there is none.
	Endpoint string
	// Auth is how it is authenticated there: the text member auth, or auth in config,
	// such as api_key or jwt; empty where there is none.
	Auth string
	// Raw is the whole description, any JSON, for what else it says.
	Raw json.RawMessage
}

// Service is the description of the service of that name; ErrNotInPacket, with the
// names that there are, where the packet has none.
func (s *Startup) Service(name string) (Service, error) {
	raw, ok := s.packet.Services[name]
	if !ok {
		there := strings.Join(slices.Sorted(maps.Keys(s.packet.Services)), ", ")
		return Service{}, fmt.Errorf("%w: service %q (there are: %s)", ErrNotInPacket, name, there)
	}
	members := object(raw)
	auth := text(members["auth"])
	if auth == "" {
		auth = text(object(members["config"])["auth"])
	}
	return Service{Name: name, Type: text(members["type"]), Endpoint: text(members["endpoint"]), Auth: auth, Raw: raw}, nil
}

// object are the members of a JSON object; none of anything else.
func object(raw json.RawMessage) (members map[string]json.RawMessage) {
	_ = json.Unmarshal(raw, &members) // descriptions are free in their form
	return members
}

// text is a JSON string; empty for anything else.
func text(raw json.RawMessage) (s string) {
	_ = json.Unmarshal(raw, &s)
	return s
}
