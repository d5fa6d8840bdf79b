package server

import (
	"encoding/json"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

// reportedAt is when a startup was closed; nil while it is OPEN.
func reportedAt(r store.StartupSession) *time.Time {
	if r.ReadyAt != nil {
		return r.ReadyAt
	}
	return r.FailedAt
}

// startupView derives overdue and late: they are never stored (contract 5).
func (s *Server) startupView(r store.StartupSession) model.StartupSession {
	at := reportedAt(r)
	return model.StartupSession{
		StartupID: r.ID, TenantKey: r.TenantKey, Status: model.StartupStatus(r.Status),
		PrincipalKey: r.PrincipalKey, ComponentKey: r.ComponentKey,
		Profile: r.ProfileKey, Manifest: r.ManifestKey, ManifestVersion: r.ManifestVersion,
		PacketID: r.PacketID, PacketEtag: r.PacketEtag, OpenedAt: r.OpenedAt, DeadlineAt: r.DeadlineAt,
		ReadyAt: null(r.ReadyAt), FailedAt: null(r.FailedAt),
		Overdue:      at == nil && s.Now().After(r.DeadlineAt) && r.SupersededAt == nil && r.AcknowledgedAt == nil,
		Late:         at != nil && at.After(r.DeadlineAt),
		BuildVersion: null(r.BuildVersion), Error: null(r.Error),
		Health: document(r.Health), Details: document(r.Details),
		InstanceID: null(r.InstanceID), Host: null(r.Host), Labels: document(r.Labels), Source: model.StartupSource(r.Source),
		Revision: null(r.Revision), Credential: document(r.Credential), RemoteAddr: null(r.RemoteAddr),
		SupersededBy: null(r.SupersededBy), SupersededAt: null(r.SupersededAt),
		AcknowledgedAt: null(r.AcknowledgedAt), AcknowledgedBy: null(r.AcknowledgedBy), AcknowledgedReason: null(r.AcknowledgedReason),
		MirrorStatus: s.Mirror.Status(r), MirrorError: null(r.MirrorError),
		ClaimedOpenedAt: null(r.ClaimedOpenedAt), ClaimedClosedAt: null(r.ClaimedClosedAt),
	}
}

func sinkView(r store.Sink, pending int64, on bool) model.Sink {
	state := model.SinkStateOff
	switch {
	case on && r.DisabledAt != nil:
		state = model.SinkStateDisabled
	case on && r.FailingSince != nil:
		state = model.SinkStateFailing
	case on:
		state = model.SinkStateOk
	}
	return model.Sink{
		Name: r.Name, State: state, Pending: pending, Delivered: r.Delivered, Refused: r.Refused,
		Kind: model.SinkKind(r.Kind), Dropped: r.Dropped, Attempts: r.Attempts, RetryAt: null(r.RetryAt), LastRefusal: null(r.LastRefusal),
		DeliveredAt: null(r.DeliveredAt), FailingSince: null(r.FailingSince), LastError: null(r.LastError),
	}
}

func auditView(r store.AuditLog) model.AuditEntry {
	return model.AuditEntry{
		ID: r.ID, TenantKey: r.TenantKey, Actor: r.Actor, AuthMethod: model.AuthMethod(r.AuthMethod),
		Action: model.AuditEntryAction(r.Action), ResourceType: model.ResourceType(r.ResourceType),
		ResourceID: r.ResourceID, ResourceKey: r.ResourceKey, RequestID: r.RequestID, RemoteAddr: r.RemoteAddr,
		Before: document(r.Before), After: document(r.After), CreatedAt: r.CreatedAt,
		Credential: document(r.Credential), Reason: null(r.Reason), Revision: null(r.Revision), PrincipalKey: null(r.PrincipalKey),
	}
}

func null[T any](p *T) nullable.Nullable[T] {
	if p == nil {
		return nullable.NewNullNullable[T]()
	}
	return nullable.NewNullableWithValue(*p)
}

func document(j store.JSON) nullable.Nullable[json.RawMessage] {
	if j == nil {
		return nullable.NewNullNullable[json.RawMessage]()
	}
	return nullable.NewNullableWithValue(json.RawMessage(j))
}
