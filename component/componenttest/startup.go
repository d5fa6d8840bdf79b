package componenttest

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/legivellum/metagate/component"
)

// Startup is a startup that a bootstrap opened, and what was reported of it.
type Startup struct {
	// ID is the startup_id.
	ID string
	// IdempotencyKey is the header of that name; a bootstrap that repeats it is
	// answered with the same startup.
	IdempotencyKey string
	// ComponentKey, PrincipalKey, InstanceID and Host are what the bootstrap said;
	// empty where it didn't.
	ComponentKey, PrincipalKey, InstanceID, Host string
	// Labels are what the bootstrap said; nil where it didn't.
	Labels map[string]string
	// Status is OPEN, READY or FAILED.
	Status string
	// BuildVersion and Health are what was reported with READY.
	BuildVersion string
	Health       json.RawMessage
	// Error and Details are what was reported with FAILED.
	Error   string
	Details json.RawMessage
	// Source is cache where MetaGate was told of the startup afterwards, else live.
	Source string
	// OpenedAt and ClosedAt are what the component says of such a one.
	OpenedAt, ClosedAt time.Time

	deadline, acknowledged time.Time
}

// bootstrap opens a startup, or answers with the one of the same Idempotency-Key.
func (s *Server) bootstrap(h http.Header, body []byte) answer {
	var q struct {
		ComponentKey *string           `json:"component_key"`
		PrincipalKey string            `json:"principal_key"`
		InstanceID   string            `json:"instance_id"`
		Host         string            `json:"host"`
		Labels       map[string]string `json:"labels"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return s.bad("bootstrap", err)
	}
	if q.ComponentKey == nil || !key.MatchString(*q.ComponentKey) {
		return s.bad("bootstrap without a good component_key", nil)
	}
	idempotencyKey := h.Get("Idempotency-Key")
	for _, one := range s.startups {
		if idempotencyKey != "" && one.IdempotencyKey == idempotencyKey {
			return s.welcome(one)
		}
	}
	one := &Startup{
		ID: newID(), IdempotencyKey: idempotencyKey, ComponentKey: *q.ComponentKey, PrincipalKey: q.PrincipalKey,
		InstanceID: q.InstanceID, Host: q.Host, Labels: q.Labels, Status: "OPEN", Source: component.SourceLive, deadline: time.Now().UTC().Add(time.Hour).Truncate(time.Microsecond),
	}
	s.startups = append(s.startups, one)
	return s.welcome(one)
}

func (s *Server) ready(_ http.Header, body []byte) answer {
	var q struct {
		StartupID    string          `json:"startup_id"`
		BuildVersion *string         `json:"build_version"`
		Health       json.RawMessage `json:"health"`
	}
	if err := json.Unmarshal(body, &q); err != nil || q.BuildVersion == nil {
		return s.bad("ready: it wants a startup_id and a build_version", err)
	}
	return s.report(q.StartupID, "READY", func(one *Startup) { one.BuildVersion, one.Health = *q.BuildVersion, q.Health })
}

func (s *Server) failed(_ http.Header, body []byte) answer {
	var q struct {
		StartupID string          `json:"startup_id"`
		Error     *string         `json:"error"`
		Details   json.RawMessage `json:"details"`
	}
	if err := json.Unmarshal(body, &q); err != nil || q.Error == nil {
		return s.bad("failed: it wants a startup_id and an error", err)
	}
	return s.report(q.StartupID, "FAILED", func(one *Startup) { one.Error, one.Details = *q.Error, q.Details })
}

// report closes a startup once; the same report again is answered as before.
func (s *Server) report(id, status string, keep func(*Startup)) answer {
	for _, one := range s.startups {
		switch {
		case one.ID != id:
			continue
		case one.Status == "OPEN":
			one.Status, one.acknowledged = status, time.Now().UTC().Truncate(time.Microsecond)
			keep(one)
		case one.Status != status:
			return problem(http.StatusConflict, "INVALID_STATE", "the startup is "+one.Status)
		}
		return answer{status: http.StatusOK, contentType: mediaJSON, body: encode(map[string]any{
			"startup_id": id, "status": one.Status, "acknowledged_at": one.acknowledged,
		})}
	}
	return s.wrong(http.StatusNotFound, "SESSION_NOT_FOUND", "no startup "+id)
}
