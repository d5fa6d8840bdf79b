package bootstrap

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/jsondoc"
	"github.com/legivellum/metagate/internal/store"
)

// Sections are the packet's free-form documents, which overrides may patch (contract 4).
var Sections = []string{"capabilities", "policy", "environment", "services", "memory_map", "polling", "schemas"}

// World is all that a packet is compiled from, read as one snapshot.
type World struct {
	PrincipalKey string
	Binding      store.GetWorldRow // with its profile and manifest
	Secrets      []store.SecretRef // the tenant's active ones, in any order
}

// Blueprint is a compiled world: everything of a principal's packets that
// doesn't change from one bootstrap to the next. It is immutable.
type Blueprint struct {
	ProfileKey, ManifestKey string
	ManifestVersion         int64
	SLA                     time.Duration

	allowed    []string // patterns; empty is any
	members    []byte   // the packet's stable members but component_key, literal: `"manifest":…`
	head, tail []byte   // the canonical stable packet around the value of component_key
}

// Compile merges the overrides in, chooses the secrets, and checks the result
// for forbidden keys once more.
func Compile(w World) (*Blueprint, error) {
	docs, err := Compose(w)
	if err != nil {
		return nil, err
	}
	var sections []Section
	for _, name := range Sections {
		sections = append(sections, Section{Pointer: "/" + name, Doc: docs[name]})
	}
	if err := CheckForbidden(sections...); err != nil {
		return nil, fmt.Errorf("the composed packet of %q: %w", w.PrincipalKey, err)
	}
	allowed, err := AllowedComponents(docs["capabilities"])
	if err != nil {
		return nil, err
	}
	b := &Blueprint{
		ProfileKey: w.Binding.ProfileKey, ManifestKey: w.Binding.ManifestKey, ManifestVersion: w.Binding.ManifestVersion,
		SLA:     time.Duration(w.Binding.StartupSLASeconds) * time.Second,
		allowed: allowed,
	}
	return b, b.encode(docs)
}

// Compose returns the packet's stable members but component_key, by name.
func Compose(w World) (map[string]json.RawMessage, error) {
	docs, err := merge(w.Binding)
	if err != nil {
		return nil, err
	}
	docs["principal_key"] = quoted(w.PrincipalKey)
	docs["profile"] = quoted(w.Binding.ProfileKey)
	docs["manifest"] = quoted(w.Binding.ManifestKey)
	docs["manifest_version"] = fmt.Append(nil, w.Binding.ManifestVersion)
	docs["required_env"], err = requiredEnv(w.Secrets, docs["policy"])
	return docs, err
}

func merge(row store.GetWorldRow) (map[string]json.RawMessage, error) {
	var overrides map[string]json.RawMessage
	if err := json.Unmarshal(row.Overrides, &overrides); err != nil {
		return nil, fmt.Errorf("overrides: %w", err)
	}
	docs := map[string]json.RawMessage{
		"capabilities": json.RawMessage(row.Capabilities), "policy": json.RawMessage(row.Policy),
		"environment": json.RawMessage(row.Environment), "services": json.RawMessage(row.Services),
		"memory_map": json.RawMessage(row.MemoryMap), "polling": json.RawMessage(row.Polling), "schemas": json.RawMessage(row.Schemas),
	}
	for name, patch := range overrides {
		merged, err := jsondoc.MergePatch(docs[name], patch)
		if err != nil {
			return nil, fmt.Errorf("overrides of %s: %w", name, err)
		}
		docs[name] = merged
	}
	return docs, nil
}

// encode makes the literal members and the canonical text around component_key.
// Of the stable members only capabilities sorts before component_key (RFC 8785).
func (b *Blueprint) encode(docs map[string]json.RawMessage) error {
	literal, err := json.Marshal(docs)
	if err != nil {
		return err
	}
	b.members = literal[1 : len(literal)-1]
	capabilities, err := jsondoc.Canonical(docs["capabilities"])
	if err != nil {
		return err
	}
	delete(docs, "capabilities")
	rest, err := json.Marshal(docs)
	if err != nil {
		return err
	}
	if rest, err = jsondoc.Canonical(rest); err != nil {
		return err
	}
	b.head = append(append([]byte(`{"capabilities":`), capabilities...), `,"component_key":`...)
	b.tail = append([]byte{','}, rest[1:]...)
	return nil
}

// Permits returns COMPONENT_NOT_PERMITTED unless the profile lets component start.
func (b *Blueprint) Permits(component string) error {
	if len(b.allowed) == 0 || matchAny(b.allowed, component) {
		return nil
	}
	return errs.New(errs.ComponentNotPermitted, "profile %q does not permit component %q", b.ProfileKey, component)
}

// Example is a component that the profile permits: preferred if it may be, else
// the first pattern with nothing for its *.
func (b *Blueprint) Example(preferred string) string {
	if b.Permits(preferred) == nil {
		return preferred
	}
	return strings.ReplaceAll(b.allowed[0], "*", "")
}

// Etag is the packet_etag for component: lower-case hex SHA-256 of the
// canonical JSON (RFC 8785) of what is stable in its packet.
func (b *Blueprint) Etag(component string) string {
	h := sha256.New()
	h.Write(b.head)
	h.Write(quoted(component))
	h.Write(b.tail)
	return hex.EncodeToString(h.Sum(nil))
}

// Birth is what is new in each packet.
type Birth struct {
	PacketID, StartupID  uuid.UUID
	ComponentKey, Etag   string
	IssuedAt, DeadlineAt time.Time
}

// Followup is where a component reports how its start ended.
var Followup = []string{"POST /v1/startup/ready", "POST /v1/startup/failed"}

// Packet is the Welcome Packet (api.WelcomePacket) as JSON.
func (b *Blueprint) Packet(n Birth) []byte {
	startup, _ := json.Marshal(api.StartupBlock{ // plain fields: can't fail
		StartupID: n.StartupID, Status: api.StartupStatusOPEN, DeadlineAt: n.DeadlineAt, Followup: Followup,
	})
	out := make([]byte, 0, len(b.members)+len(startup)+400)
	out = fmt.Appendf(out, `{"packet_id":"%s","packet_etag":"%s","issued_at":"%s","component_key":%s,`,
		n.PacketID, n.Etag, n.IssuedAt.Format(time.RFC3339Nano), quoted(n.ComponentKey))
	out = append(out, b.members...)
	out = append(append(append(out, `,"startup":`...), startup...), '}')
	return out
}

func quoted(s string) []byte {
	b, _ := json.Marshal(s) // a string: can't fail
	return b
}
