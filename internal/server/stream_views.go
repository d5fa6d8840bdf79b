package server

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/internal/store"
)

// startupAsSeen is a startup as startupView has it, and the same JSON: without its
// maps, which take six times as long.
func (s *Server) startupAsSeen(r store.StartupSession) any {
	at := reportedAt(r)
	return &startupSeen{
		r.ID, r.TenantKey, r.Status, r.PrincipalKey, r.ComponentKey, r.ProfileKey, r.ManifestKey, r.ManifestVersion, r.PacketID, r.PacketEtag,
		r.OpenedAt, r.DeadlineAt, r.ReadyAt, r.FailedAt,
		at == nil && s.Now().After(r.DeadlineAt) && r.SupersededAt == nil && r.AcknowledgedAt == nil, at != nil && at.After(r.DeadlineAt),
		r.BuildVersion, r.Error, json.RawMessage(r.Health), json.RawMessage(r.Details), r.InstanceID, r.Host, json.RawMessage(r.Labels), r.Source,
		r.Revision, json.RawMessage(r.Credential), r.RemoteAddr, r.SupersededBy, r.SupersededAt, r.AcknowledgedAt, r.AcknowledgedBy, r.AcknowledgedReason,
		string(s.Mirror.Status(r)), r.MirrorError, r.ClaimedOpenedAt, r.ClaimedClosedAt,
	}
}

// startupSeen is StartupSession of openapi.yaml: a test holds it against that.
type startupSeen struct {
	StartupID          uuid.UUID       `json:"startup_id"`
	TenantKey          string          `json:"tenant_key"`
	Status             string          `json:"status"`
	PrincipalKey       string          `json:"principal_key"`
	ComponentKey       string          `json:"component_key"`
	Profile            string          `json:"profile"`
	Manifest           string          `json:"manifest"`
	ManifestVersion    int64           `json:"manifest_version"`
	PacketID           uuid.UUID       `json:"packet_id"`
	PacketEtag         string          `json:"packet_etag"`
	OpenedAt           time.Time       `json:"opened_at"`
	DeadlineAt         time.Time       `json:"deadline_at"`
	ReadyAt            *time.Time      `json:"ready_at"`
	FailedAt           *time.Time      `json:"failed_at"`
	Overdue            bool            `json:"overdue"`
	Late               bool            `json:"late"`
	BuildVersion       *string         `json:"build_version"`
	Error              *string         `json:"error"`
	Health             json.RawMessage `json:"health"`
	Details            json.RawMessage `json:"details"`
	InstanceID         *string         `json:"instance_id"`
	Host               *string         `json:"host"`
	Labels             json.RawMessage `json:"labels"`
	Source             string          `json:"source"`
	Revision           *int64          `json:"revision"`
	Credential         json.RawMessage `json:"credential"`
	RemoteAddr         *string         `json:"remote_addr"`
	SupersededBy       *uuid.UUID      `json:"superseded_by"`
	SupersededAt       *time.Time      `json:"superseded_at"`
	AcknowledgedAt     *time.Time      `json:"acknowledged_at"`
	AcknowledgedBy     *string         `json:"acknowledged_by"`
	AcknowledgedReason *string         `json:"acknowledged_reason"`
	MirrorStatus       string          `json:"mirror_status"`
	MirrorError        *string         `json:"mirror_error"`
	ClaimedOpenedAt    *time.Time      `json:"claimed_opened_at"`
	ClaimedClosedAt    *time.Time      `json:"claimed_closed_at"`
}

// eventAsSeen is an event as the list has it.
func eventAsSeen(e store.Event) any { return eventView(e) }
