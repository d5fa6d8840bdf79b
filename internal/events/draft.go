package events

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

// draft is an event that has no number yet.
type draft struct {
	typ        model.EventType
	about      string // with typ: what there is one event of
	tenant     string
	subject    string
	startup    *uuid.UUID
	principal  *string
	occurredAt time.Time
	data       any
}

func (d draft) params(seq int64, now time.Time) (store.CreateEventParams, error) {
	data, err := json.Marshal(d.data)
	return store.CreateEventParams{
		Seq: seq, ID: store.NewID(now), Type: string(d.typ), About: d.about, TenantKey: d.tenant, Subject: d.subject,
		StartupID: d.startup, PrincipalKey: d.principal, OccurredAt: d.occurredAt, RecordedAt: now, Data: data,
	}, err
}

// startup is the data of an event about one: what whoever is woken at night wants to know.
type startup struct {
	StartupID       uuid.UUID  `json:"startup_id"`
	Status          string     `json:"status"`
	PrincipalKey    string     `json:"principal_key"`
	ComponentKey    string     `json:"component_key"`
	InstanceID      *string    `json:"instance_id"`
	Host            *string    `json:"host"`
	RemoteAddr      *string    `json:"remote_addr"`
	Labels          store.JSON `json:"labels"`
	Owner           store.JSON `json:"owner"` // the labels of the principal's active binding
	Profile         string     `json:"profile"`
	Manifest        string     `json:"manifest"`
	ManifestVersion int64      `json:"manifest_version"`
	Source          string     `json:"source"`
	BuildVersion    *string    `json:"build_version"`
	OpenedAt        time.Time  `json:"opened_at"`
	DeadlineAt      time.Time  `json:"deadline_at"`
	DetectedAt      time.Time  `json:"detected_at"`
	OverdueSeconds  *float64   `json:"overdue_seconds"` // when it was detected, or reported
	ReadyAt         *time.Time `json:"ready_at"`
	FailedAt        *time.Time `json:"failed_at"`
	Error           *string    `json:"error"`
	SupersededBy    *uuid.UUID `json:"superseded_by"`
	ClaimedOpenedAt *time.Time `json:"claimed_opened_at"`
	ClaimedClosedAt *time.Time `json:"claimed_closed_at"`

	tenant string
}

// longestError is how many bytes of what a component says went wrong are in an event.
const longestError = 4096

func startupOf(r store.ListEventfulRow) startup {
	s := startup{
		StartupID: r.ID, Status: r.Status, PrincipalKey: r.PrincipalKey, ComponentKey: r.ComponentKey, InstanceID: r.InstanceID, Host: r.Host,
		RemoteAddr: r.RemoteAddr, Labels: r.Labels, Owner: r.Owner, Profile: r.ProfileKey, Manifest: r.ManifestKey, ManifestVersion: r.ManifestVersion,
		Source: r.Source, BuildVersion: r.BuildVersion, OpenedAt: r.OpenedAt, DeadlineAt: r.DeadlineAt, ReadyAt: r.ReadyAt, FailedAt: r.FailedAt,
		SupersededBy: r.SupersededBy, ClaimedOpenedAt: r.ClaimedOpenedAt, ClaimedClosedAt: r.ClaimedClosedAt, tenant: r.TenantKey,
	}
	if r.Error != nil {
		s.Error = new(clip(*r.Error, longestError))
	}
	return s
}

func (s startup) draft(typ model.EventType, at, now time.Time) draft {
	s.DetectedAt = now
	until := now
	for _, closed := range []*time.Time{s.ReadyAt, s.FailedAt} {
		if closed != nil {
			until = *closed
		}
	}
	if late := until.Sub(s.DeadlineAt).Seconds(); late > 0 {
		s.OverdueSeconds = &late
	}
	return draft{
		typ: typ, about: s.StartupID.String(), tenant: s.tenant, subject: "startups/" + s.StartupID.String(),
		startup: &s.StartupID, principal: &s.PrincipalKey, occurredAt: at, data: s,
	}
}

func clip(text string, most int) string {
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
