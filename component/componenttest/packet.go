package componenttest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/legivellum/metagate/component"
	sealed "github.com/legivellum/metagate/component/internal/packet"
)

// empty is a packet that says nothing.
const empty = `{"principal_key": "principal", "profile": "profile", "manifest": "manifest", "manifest_version": 1,
	"capabilities": {}, "policy": {}, "environment": {}, "services": {}, "memory_map": {}, "polling": {}, "schemas": {},
	"required_env": []}`

// fresh are the members that each answer has of its own.
var fresh = map[string]bool{"packet_id": true, "packet_etag": true, "issued_at": true, "component_key": true, "startup": true}

// readPacket is what text says, and of what it leaves out what empty does.
func readPacket(text string) (map[string]json.RawMessage, error) {
	var given, all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &given); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(empty), &all); err != nil {
		return nil, err
	}
	for name, value := range given {
		if fresh[name] {
			continue
		}
		if _, known := all[name]; !known {
			return nil, fmt.Errorf("a packet has no member %q", name)
		}
		all[name] = value
	}
	var p component.Packet
	return all, json.Unmarshal(encode(all), &p)
}

// welcome is the packet for a startup.
func (s *Server) welcome(one *Startup) answer {
	p := maps.Clone(s.packet)
	p["component_key"] = encode(one.ComponentKey)
	stable, err := sealed.Stable(encode(p))
	if err != nil {
		panic(err) // it is made of what was JSON before
	}
	p["packet_etag"] = encode(sealed.Etag(stable))
	p["packet_id"] = encode(newID())
	p["issued_at"] = encode(time.Now().UTC().Truncate(time.Microsecond))
	p["startup"] = encode(map[string]any{
		"startup_id": one.ID, "status": one.Status, "deadline_at": one.deadline,
		"followup": []string{"POST /v1/startup/ready", "POST /v1/startup/failed"},
	})
	return answer{status: http.StatusOK, contentType: mediaJSON, body: encode(p), signature: s.sign(stable)}
}
