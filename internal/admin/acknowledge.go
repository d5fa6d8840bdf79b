package admin

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// Acknowledge ends the alarm of an overdue startup of the actor's tenant, with a
// reason (contract 5). The first word counts: a later one finds it.
func (s *Service) Acknowledge(ctx context.Context, a identity.Caller, id uuid.UUID, reason string) (store.StartupSession, error) {
	row, err := s.Store.GetStartup(ctx, id)
	if store.IsNotFound(err) || (err == nil && !a.Sees(row.TenantKey)) {
		return row, errs.New(errs.SessionNotFound, "no such startup")
	}
	if err != nil {
		return row, store.Classify(err)
	}
	a.Reason = reason
	err = s.Write(ctx, a, row.TenantKey, func(w Write) error {
		after, err := w.AcknowledgeStartup(ctx, store.AcknowledgeStartupParams{
			ID: id, AcknowledgedAt: &w.now, AcknowledgedBy: &a.PrincipalKey, AcknowledgedReason: &reason,
		})
		if store.IsNotFound(err) { // it isn't overdue, or was acknowledged
			if row, err = w.GetStartup(ctx, id); err != nil {
				return err
			}
			if row.AcknowledgedAt != nil {
				return ErrUnchanged
			}
			return errs.New(errs.InvalidState, "the startup is %s and not overdue", row.Status)
		}
		if err != nil {
			return err
		}
		row = after
		of := resource{row.ID, row.TenantKey, row.ComponentKey, w.now, uuid.Nil}
		return w.Of(row.PrincipalKey).Audit(ctx, model.AuditEntryActionUpdate, model.ResourceTypeStartup, of, nil, acknowledgement{w.now, a.PrincipalKey, reason})
	})
	return row, err
}

// acknowledgement is what the audit log keeps of it.
type acknowledgement struct {
	At     time.Time `json:"acknowledged_at"`
	By     string    `json:"acknowledged_by"`
	Reason string    `json:"acknowledged_reason"`
}
