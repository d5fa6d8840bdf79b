package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// members are the required ones of schema v1.1, by the kind of their value.
var members = map[string][]string{
	"text": {
		"schema_version", "tenant_id", "receipt_id", "task_id", "obligation_id", "parent_task_id", "caused_by_receipt_id", "dedupe_key",
		"from_principal", "for_principal", "source_system", "recipient_ai", "trust_domain", "phase", "status", "task_type", "task_summary",
		"task_body", "expected_outcome_kind", "expected_artifact_mime", "outcome_kind", "outcome_text", "artifact_location",
		"artifact_pointer", "artifact_checksum", "artifact_mime", "escalation_class", "escalation_reason", "escalation_to",
	},
	"number": {"attempt", "artifact_size_bytes"},
	"truth":  {"realtime", "retry_requested"},
	"object": {"inputs", "body", "metadata"},
	"time":   {"created_at", "started_at"},
	"time?":  {"completed_at", "stored_at", "read_at", "archived_at"},
}

// limits are the longest texts and documents, in bytes.
var limits = map[string]int{"inputs": 64 << 10, "metadata": 16 << 10, "task_body": 100 << 10, "outcome_text": 100 << 10}

// violations are what the ledger's schema has against a receipt.
func violations(r map[string]any) (out []string) {
	known := []string{"artifact_refs"}
	for kind, names := range members {
		known = append(known, names...)
		for _, name := range names {
			v, there := r[name]
			if !there {
				out = append(out, name+" is missing")
			} else if !is(kind, v) {
				out = append(out, fmt.Sprintf("%s is no %s: %v", name, kind, v))
			}
		}
	}
	for name, v := range r {
		if !slices.Contains(known, name) {
			out = append(out, name+" is unknown")
		}
		if text, err := json.Marshal(v); limits[name] > 0 && (err != nil || len(text) > limits[name]) {
			out = append(out, name+" is too long")
		}
	}
	if len(out) > 0 {
		return out
	}
	var wanted map[string]any
	switch r["phase"] {
	case "accepted":
		wanted = map[string]any{
			"status": "NA", "completed_at": nil, "outcome_kind": "NA", "outcome_text": "NA", "artifact_location": "NA", "artifact_pointer": "NA",
			"artifact_checksum": "NA", "artifact_mime": "NA", "escalation_class": "NA", "escalation_reason": "NA", "escalation_to": "NA", "retry_requested": false,
		}
	case "complete":
		if s := r["status"]; s != "success" && s != "failure" && s != "canceled" {
			out = append(out, fmt.Sprintf("status %v", s))
		}
		if r["completed_at"] == nil || r["outcome_kind"] == "NA" {
			out = append(out, "complete without completed_at or outcome_kind")
		}
	default:
		out = append(out, fmt.Sprintf("phase %v", r["phase"]))
	}
	for name, v := range wanted {
		if r[name] != v {
			out = append(out, fmt.Sprintf("%s of an accepted receipt is %v", name, r[name]))
		}
	}
	if id := r["obligation_id"].(string); len(id) != 26 || strings.Trim(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" {
		out = append(out, "obligation_id is no ULID")
	}
	return out
}

func is(kind string, v any) (ok bool) {
	if strings.HasSuffix(kind, "?") && v == nil {
		return true
	}
	switch strings.TrimSuffix(kind, "?") {
	case "text":
		text, isText := v.(string)
		return isText && text != ""
	case "number":
		n, isNumber := v.(float64)
		return isNumber && n >= 0 && n == float64(int64(n))
	case "truth":
		_, ok = v.(bool)
	case "object":
		_, ok = v.(map[string]any)
	case "time":
		text, isText := v.(string)
		_, err := time.Parse(time.RFC3339Nano, text)
		return isText && err == nil
	}
	return ok
}
