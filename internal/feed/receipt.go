package feed

import (
	"cmp"
	"encoding/json"
	"maps"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/internal/store"
)

// The phases of a startup's obligation.
const (
	accepted = "accepted"
	complete = "complete"
)

// absent is what the ledger's schema has for a text that there is none of.
const absent = "NA"

// receipt is LegiVellum's, schema v1.1: its 42 required members and artifact_refs. All
// of it is made of what is on disk, so that the ledger takes a second one for a replay.
type receipt struct {
	SchemaVersion        string            `json:"schema_version"`
	TenantID             string            `json:"tenant_id"`
	ReceiptID            uuid.UUID         `json:"receipt_id"`
	TaskID               string            `json:"task_id"`
	ObligationID         string            `json:"obligation_id"`
	ParentTaskID         string            `json:"parent_task_id"`
	CausedByReceiptID    string            `json:"caused_by_receipt_id"`
	DedupeKey            string            `json:"dedupe_key"`
	Attempt              int               `json:"attempt"`
	FromPrincipal        string            `json:"from_principal"`
	ForPrincipal         string            `json:"for_principal"`
	SourceSystem         string            `json:"source_system"`
	RecipientAI          string            `json:"recipient_ai"`
	TrustDomain          string            `json:"trust_domain"`
	Phase                string            `json:"phase"`
	Status               string            `json:"status"`
	Realtime             bool              `json:"realtime"`
	TaskType             string            `json:"task_type"`
	TaskSummary          string            `json:"task_summary"`
	TaskBody             string            `json:"task_body"`
	Inputs               map[string]any    `json:"inputs"`
	ExpectedOutcomeKind  string            `json:"expected_outcome_kind"`
	ExpectedArtifactMIME string            `json:"expected_artifact_mime"`
	OutcomeKind          string            `json:"outcome_kind"`
	OutcomeText          string            `json:"outcome_text"`
	ArtifactLocation     string            `json:"artifact_location"`
	ArtifactPointer      string            `json:"artifact_pointer"`
	ArtifactChecksum     string            `json:"artifact_checksum"`
	ArtifactSizeBytes    int               `json:"artifact_size_bytes"`
	ArtifactMIME         string            `json:"artifact_mime"`
	ArtifactRefs         []json.RawMessage `json:"artifact_refs"`
	EscalationClass      string            `json:"escalation_class"`
	EscalationReason     string            `json:"escalation_reason"`
	EscalationTo         string            `json:"escalation_to"`
	RetryRequested       bool              `json:"retry_requested"`
	Body                 map[string]any    `json:"body"`
	CreatedAt            time.Time         `json:"created_at"`
	StartedAt            time.Time         `json:"started_at"`
	CompletedAt          *time.Time        `json:"completed_at"`
	StoredAt             *time.Time        `json:"stored_at"`
	ReadAt               *time.Time        `json:"read_at"`
	ArchivedAt           *time.Time        `json:"archived_at"`
	Metadata             map[string]any    `json:"metadata"`
}

// receiptID is fixed for a startup and phase.
func receiptID(startup uuid.UUID, phase string) uuid.UUID {
	return uuid.NewSHA1(startup, []byte(phase))
}

// acceptance is the receipt of a startup that was opened.
func acceptance(s store.StartupSession, source string) (receipt, error) {
	task := "startup-" + s.ID.String()
	obligation, err := obligationID(task)
	if err != nil {
		return receipt{}, err
	}
	deployment := "default"
	if s.DeploymentKey != nil {
		deployment = *s.DeploymentKey
	}
	inputs := map[string]any{
		"startup_id": s.ID, "component_key": s.ComponentKey, "profile_key": s.ProfileKey, "manifest_key": s.ManifestKey,
		"deployment_key": deployment, "packet_etag": s.PacketEtag,
	}
	text, err := json.Marshal(inputs) // its members sorted
	if err != nil {
		return receipt{}, err
	}
	r := receipt{
		SchemaVersion: "1.0", TenantID: s.TenantKey, ReceiptID: receiptID(s.ID, accepted), TaskID: task, ObligationID: obligation,
		ParentTaskID: absent, CausedByReceiptID: absent, DedupeKey: "startup:" + s.ID.String() + ":" + accepted,
		FromPrincipal: s.PrincipalKey, ForPrincipal: s.PrincipalKey, SourceSystem: source, RecipientAI: s.ComponentKey, TrustDomain: "default",
		Phase: accepted, Status: absent, TaskType: "startup", TaskSummary: "Startup accepted for " + s.ComponentKey,
		TaskBody: string(text), Inputs: inputs, ExpectedOutcomeKind: "response_text", ExpectedArtifactMIME: absent,
		OutcomeKind: absent, OutcomeText: absent,
		ArtifactLocation: absent, ArtifactPointer: absent, ArtifactChecksum: absent, ArtifactMIME: absent, ArtifactRefs: []json.RawMessage{},
		EscalationClass: absent, EscalationReason: absent, EscalationTo: absent,
		CreatedAt: s.OpenedAt, StartedAt: s.OpenedAt,
		Metadata: map[string]any{
			"startup_id": s.ID, "component_key": s.ComponentKey, "mirror_status": "PENDING",
			"custody_deadline": s.DeadlineAt, // when the ledger takes the obligation for overdue
		},
	}
	r.Body = r.body()
	return r, nil
}

// completion is the receipt of a startup that was reported READY or FAILED.
func completion(s store.StartupSession, source string) (receipt, error) {
	r, err := acceptance(s, source)
	if err != nil {
		return receipt{}, err
	}
	at := cmp.Or(s.ReadyAt, s.FailedAt)
	r.CausedByReceiptID = r.ReceiptID.String()
	r.ReceiptID, r.DedupeKey = receiptID(s.ID, complete), "startup:"+s.ID.String()+":"+complete
	r.RecipientAI, r.TaskSummary = s.PrincipalKey, "Startup complete for "+s.ComponentKey
	r.Phase, r.OutcomeKind, r.CreatedAt, r.CompletedAt = complete, "response_text", *at, at
	delete(r.Metadata, "custody_deadline")
	if s.ReadyAt != nil {
		r.Status, r.OutcomeText = "success", "startup_ready:"+said(s.BuildVersion)
		r.Body = r.body()
		r.Body["ready_payload"] = map[string]any{"build_version": said(s.BuildVersion), "health": raw(s.Health), "acknowledged_at": at}
		return r, nil
	}
	r.Status, r.OutcomeText = "failure", "startup_failed:"+said(s.Error)
	r.Body = r.body()
	r.Body["failure_payload"] = map[string]any{"error": said(s.Error), "details": raw(s.Details), "acknowledged_at": at}
	return r, nil
}

func (r receipt) body() map[string]any {
	body := map[string]any{"phase": r.Phase, "status": r.Status, "mirror_status": r.Metadata["mirror_status"], "outcome_text": r.OutcomeText}
	maps.Copy(body, r.Inputs)
	return body
}

func raw(j store.JSON) json.RawMessage { return json.RawMessage(j) } // nil is null

func said(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
