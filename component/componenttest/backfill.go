package componenttest

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/legivellum/metagate/component"
)

// backfill records starts without MetaGate, each once.
func (s *Server) backfill(_ http.Header, body []byte) answer {
	var q struct {
		Startups []struct {
			StartupID    string            `json:"startup_id"`
			ComponentKey string            `json:"component_key"`
			PacketETag   string            `json:"packet_etag"`
			OpenedAt     time.Time         `json:"opened_at"`
			InstanceID   string            `json:"instance_id"`
			Host         string            `json:"host"`
			Labels       map[string]string `json:"labels"`
			Status       string            `json:"status"`
			ClosedAt     time.Time         `json:"closed_at"`
			BuildVersion string            `json:"build_version"`
			Health       json.RawMessage   `json:"health"`
			Error        string            `json:"error"`
			Details      json.RawMessage   `json:"details"`
		} `json:"startups"`
	}
	if err := json.Unmarshal(body, &q); err != nil || len(q.Startups) == 0 || len(q.Startups) > 100 {
		return s.bad("backfill: it wants 1 to 100 startups", err)
	}
	results := []map[string]string{}
	for _, one := range q.Startups {
		if !key.MatchString(one.ComponentKey) || one.PacketETag == "" || one.OpenedAt.IsZero() {
			return s.bad("backfill without a component_key, packet_etag or opened_at", nil)
		}
		known, result := s.find(one.StartupID), "known"
		if known == nil {
			known, result = &Startup{
				ID: one.StartupID, ComponentKey: one.ComponentKey, InstanceID: one.InstanceID, Host: one.Host, Labels: one.Labels,
				Source: component.SourceCache, OpenedAt: one.OpenedAt, Status: "OPEN", deadline: time.Now().Add(time.Hour),
			}, "recorded"
			s.startups = append(s.startups, known)
		}
		if known.Status == "OPEN" && one.Status != "" && one.Status != "OPEN" {
			if result == "known" {
				result = "closed"
			}
			known.Status, known.ClosedAt, known.acknowledged = one.Status, one.ClosedAt, time.Now().UTC().Truncate(time.Microsecond)
			known.BuildVersion, known.Health, known.Error, known.Details = one.BuildVersion, one.Health, one.Error, one.Details
		}
		results = append(results, map[string]string{"startup_id": one.StartupID, "result": result})
	}
	return answer{status: http.StatusOK, contentType: mediaJSON, body: encode(map[string]any{"results": results})}
}

func (s *Server) find(id string) *Startup {
	for _, one := range s.startups {
		if one.ID == id {
			return one
		}
	}
	return nil
}
