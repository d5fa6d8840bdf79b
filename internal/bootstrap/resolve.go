package bootstrap

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// Sections are the packet's free-form documents, which overrides may patch (contract 4).
var Sections = []string{"capabilities", "policy", "environment", "services", "memory_map", "polling", "schemas"}

// World is all that a packet is compiled from, of one revision.
type World struct {
	Profile   store.Profile
	Manifest  store.Manifest
	Overrides store.JSON        // the binding's
	Secrets   []store.SecretRef // the tenant's active ones, in any order
}

// Blueprint is a compiled world: everything of the packets that doesn't change
// from one bootstrap to the next, nor from one principal to another with the
// same profile, manifest and overrides. It is immutable.
type Blueprint struct {
	ProfileKey, ManifestKey string
	DeploymentKey           string // of the manifest
	ManifestVersion         int64
	SLA                     time.Duration

	allowed []string // patterns; empty is any
	members []byte   // the packet's stable members but the two keys, literal: `"manifest":…`
	// The canonical stable packet around the values of component_key and principal_key.
	head, middle, tail []byte
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
		return nil, fmt.Errorf("the composed packet of %q and %q: %w", w.Profile.ProfileKey, w.Manifest.ManifestKey, err)
	}
	allowed, err := AllowedComponents(docs["capabilities"])
	if err != nil {
		return nil, err
	}
	b := &Blueprint{
		ProfileKey: w.Profile.ProfileKey, ManifestKey: w.Manifest.ManifestKey, ManifestVersion: w.Manifest.Version,
		DeploymentKey: w.Manifest.DeploymentKey,
		SLA:           time.Duration(w.Profile.StartupSLASeconds) * time.Second,
		allowed:       allowed,
	}
	return b, b.encode(docs)
}

// Compose returns the packet's stable members but component_key and
// principal_key, by name.
func Compose(w World) (map[string]json.RawMessage, error) {
	docs := map[string]json.RawMessage{
		"capabilities": json.RawMessage(w.Profile.Capabilities), "policy": json.RawMessage(w.Profile.Policy),
		"environment": json.RawMessage(w.Manifest.Environment), "services": json.RawMessage(w.Manifest.Services),
		"memory_map": json.RawMessage(w.Manifest.MemoryMap), "polling": json.RawMessage(w.Manifest.Polling),
		"schemas": json.RawMessage(w.Manifest.Schemas),
	}
	var overrides map[string]json.RawMessage
	if err := json.Unmarshal(w.Overrides, &overrides); err != nil {
		return nil, fmt.Errorf("overrides: %w", err)
	}
	for name, patch := range overrides {
		merged, err := doc.MergePatch(docs[name], patch)
		if err != nil {
			return nil, fmt.Errorf("overrides of %s: %w", name, err)
		}
		docs[name] = merged
	}
	docs["profile"] = quoted(w.Profile.ProfileKey)
	docs["manifest"] = quoted(w.Manifest.ManifestKey)
	docs["manifest_version"] = strconv.AppendInt(nil, w.Manifest.Version, 10)
	var err error
	docs["required_env"], err = requiredEnv(w.Secrets, docs["policy"])
	return docs, err
}

// encode makes the literal members, and the canonical text (RFC 8785: members
// sorted) in three parts, around component_key and principal_key.
func (b *Blueprint) encode(docs map[string]json.RawMessage) error {
	literal, err := json.Marshal(docs)
	if err != nil {
		return err
	}
	literal = doc.WithoutHTML(literal)
	b.members = literal[1 : len(literal)-1]
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		if name == "manifest_version" {
			continue // equal content has an equal etag
		}
		doc, err := doc.Canonical(docs[name])
		if err != nil {
			return err
		}
		part := &b.head
		if name > "principal_key" {
			part = &b.tail
		} else if name > "component_key" {
			part = &b.middle
		}
		*part = append(append(append(append(*part, ','), quoted(name)...), ':'), doc...)
	}
	b.head = append(append([]byte{'{'}, b.head[1:]...), `,"component_key":`...)
	b.middle = append(b.middle, `,"principal_key":`...)
	b.tail = append(b.tail, '}')
	return nil
}

// Size is about how many bytes of memory it takes.
func (b *Blueprint) Size() int { return len(b.members) + len(b.head) + len(b.middle) + len(b.tail) }

// Permits returns COMPONENT_NOT_PERMITTED unless the profile lets component start.
func (b *Blueprint) Permits(component string) error {
	if len(b.allowed) == 0 || MatchAny(b.allowed, component) {
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

// Etag is the packet_etag of a principal's packet for a component: lower-case hex
// SHA-256 of the canonical JSON (RFC 8785) of what is stable in it.
func (b *Blueprint) Etag(principal, component string) string {
	return EtagOf(b.Stable(principal, component))
}

// Stable is the canonical JSON (RFC 8785) of what is stable in a principal's packet for
// a component: what the packet_etag is over, and a signature.
func (b *Blueprint) Stable(principal, component string) []byte {
	text := make([]byte, 0, b.Size()+len(principal)+len(component)+8)
	text = appendQuoted(append(text, b.head...), component)
	text = appendQuoted(append(text, b.middle...), principal)
	return append(text, b.tail...)
}

// EtagOf is the packet_etag over what Stable returns.
func EtagOf(stable []byte) string {
	sum := sha256.Sum256(stable)
	return hex.EncodeToString(sum[:])
}

// Birth is what is new in each packet.
type Birth struct {
	PacketID, StartupID        uuid.UUID
	PrincipalKey, ComponentKey string
	Etag                       string
	Signature                  string // a detached JWS over the same as Etag; empty where nothing is signed
	IssuedAt, DeadlineAt       time.Time
}

// Followup is what a component is told to report with, as JSON: each door has its own words.
type Followup string

// The doors of a component.
const (
	ByREST Followup = `["POST /v1/startup/ready","POST /v1/startup/failed"]`
	ByMCP  Followup = `["metagate.startup_ready","metagate.startup_failed"]`
)

// AppendPacket appends the Welcome Packet (model.WelcomePacket) as JSON: the compiled
// members with the new ones spliced in.
func (b *Blueprint) AppendPacket(out []byte, n Birth, by Followup) []byte {
	out = slices.Grow(out, len(b.members)+len(n.PrincipalKey)+len(n.ComponentKey)+700)
	out = append(out, `{"packet_id":"`...)
	out = appendUUID(out, n.PacketID)
	out = append(append(out, `","packet_etag":"`...), n.Etag...)
	out = n.IssuedAt.AppendFormat(append(out, `","issued_at":"`...), time.RFC3339Nano)
	out = appendQuoted(append(out, `","principal_key":`...), n.PrincipalKey)
	out = appendQuoted(append(out, `,"component_key":`...), n.ComponentKey)
	out = append(append(append(out, ','), b.members...), `,"startup":`...)
	return append(n.appendStartup(out, by), '}')
}

// Startup is the packet's startup block alone, for who has the packet already.
func (n Birth) Startup(by Followup) []byte { return n.appendStartup(nil, by) }

func (n Birth) appendStartup(out []byte, by Followup) []byte {
	out = appendUUID(append(out, `{"startup_id":"`...), n.StartupID)
	out = n.DeadlineAt.AppendFormat(append(out, `","status":"OPEN","deadline_at":"`...), time.RFC3339Nano)
	return append(append(append(out, `","followup":`...), by...), '}')
}

func appendUUID(dst []byte, id uuid.UUID) []byte {
	dst = append(hex.AppendEncode(dst, id[:4]), '-')
	dst = append(hex.AppendEncode(dst, id[4:6]), '-')
	dst = append(hex.AppendEncode(dst, id[6:8]), '-')
	dst = append(hex.AppendEncode(dst, id[8:10]), '-')
	return hex.AppendEncode(dst, id[10:])
}

func quoted(s string) []byte { return appendQuoted(nil, s) }

func appendQuoted(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // an error is invalid UTF-8, which is replaced
	return dst
}
