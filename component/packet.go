package component

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Packet is the Welcome Packet: the world that a component starts in. Its sections
// keep their members as they were sent, numbers digit by digit, to be decoded by who
// knows them. It is shared: don't change its maps and slices.
type Packet struct {
	// PacketID is a UUID, new in each packet.
	PacketID string `json:"packet_id"`
	// ETag names the packet's content: equal worlds have equal ones. It is the
	// lower-case hex SHA-256 of the canonical JSON (RFC 8785) of the packet without
	// packet_id, packet_etag, issued_at, manifest_version and startup.
	ETag string `json:"packet_etag"`
	// IssuedAt is when the packet was made, by MetaGate's clock.
	IssuedAt time.Time `json:"issued_at"`
	// PrincipalKey is who the credential belongs to.
	PrincipalKey string `json:"principal_key"`
	// ComponentKey is what is started: Config.Component.
	ComponentKey string `json:"component_key"`
	// Profile is the key of the profile: what kind of thing this is.
	Profile string `json:"profile"`
	// Manifest is the key of the manifest: the world it is in.
	Manifest string `json:"manifest"`
	// ManifestVersion rises with each change of the manifest.
	ManifestVersion int64 `json:"manifest_version"`
	// Capabilities are what the component may do.
	Capabilities map[string]json.RawMessage `json:"capabilities"`
	// Policy are limits and rules that it keeps to.
	Policy map[string]json.RawMessage `json:"policy"`
	// Environment is what is said of the deployment: stage, region.
	Environment map[string]json.RawMessage `json:"environment"`
	// Services are the other services by name: see Startup.Service.
	Services map[string]json.RawMessage `json:"services"`
	// MemoryMap says which store holds what.
	MemoryMap map[string]json.RawMessage `json:"memory_map"`
	// Polling says what is polled, and how often.
	Polling map[string]json.RawMessage `json:"polling"`
	// Schemas names the schemas in force.
	Schemas map[string]json.RawMessage `json:"schemas"`
	// RequiredEnv are the secrets that the component needs: see Startup.Secret.
	RequiredEnv []SecretRef `json:"required_env"`
	// Startup is the startup that the bootstrap opened.
	Startup Opened `json:"startup"`

	// Raw is the packet as it was sent, with members that this version doesn't know.
	Raw json.RawMessage `json:"-"`
}

// SecretRef is where a secret is to be found; never the secret.
type SecretRef struct {
	// SecretKey is what the component knows the secret by.
	SecretKey string `json:"secret_key"`
	// RefKind is env or file.
	RefKind string `json:"ref_kind"`
	// RefName is the name of the environment variable, or the file's path.
	RefName string `json:"ref_name"`
	// RefMeta is what else is said about it, an object: a format, a rotation.
	RefMeta json.RawMessage `json:"ref_meta"`
}

// Opened is the startup that a bootstrap opened.
type Opened struct {
	// StartupID is the UUID that reports are for.
	StartupID string `json:"startup_id"`
	// Status is OPEN.
	Status string `json:"status"`
	// DeadlineAt is when the startup turns overdue unless it is reported.
	DeadlineAt time.Time `json:"deadline_at"`
	// Followup are the operations that close the startup.
	Followup []string `json:"followup"`
}

// readPacket reads the answer to a bootstrap of component.
func readPacket(body []byte, component string) (Packet, error) {
	var p Packet
	if err := json.Unmarshal(body, &p); err != nil {
		return p, err
	}
	if p.Startup.StartupID == "" {
		return p, errors.New("a packet without a startup_id")
	}
	if p.ComponentKey != component {
		return p, fmt.Errorf("a packet of component %q", p.ComponentKey)
	}
	p.Raw = body
	return p, nil
}
