package witness

import (
	"cmp"
	"context"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// Get returns a startup to its owner and to its tenant's admins; for others it doesn't exist.
func (s *Service) Get(ctx context.Context, who identity.Caller, id uuid.UUID) (store.StartupSession, error) {
	row, err := s.GetStartup(ctx, id)
	if store.IsNotFound(err) || (err == nil && row.PrincipalID != who.ID && (!who.Admin || !who.Sees(row.TenantKey))) {
		return store.StartupSession{}, errs.New(errs.SessionNotFound, "no such startup")
	}
	return row, err
}

// Ready closes a startup as READY, or finds it READY already. What the report says
// is testimony: kept as it came.
func (s *Service) Ready(ctx context.Context, who identity.Caller, report model.ReadyReport) (model.StartupAck, error) {
	now := s.now()
	return s.report(ctx, who, store.ReportStartupParams{
		ID: report.StartupID, Status: string(model.StartupStatusREADY), ReadyAt: &now,
		BuildVersion: &report.BuildVersion, Health: present(report.Health),
	})
}

// Failed closes a startup as FAILED, or finds it FAILED already.
func (s *Service) Failed(ctx context.Context, who identity.Caller, report model.FailedReport) (model.StartupAck, error) {
	now := s.now()
	return s.report(ctx, who, store.ReportStartupParams{
		ID: report.StartupID, Status: string(model.StartupStatusFAILED), FailedAt: &now,
		Error: &report.Error, Details: present(report.Details),
	})
}

// present is nil for a document that isn't there, and for null, which means the same.
func present(doc []byte) store.JSON {
	if string(doc) == "null" {
		return nil
	}
	return store.JSON(doc)
}

func (s *Service) report(ctx context.Context, who identity.Caller, p store.ReportStartupParams) (model.StartupAck, error) {
	return current(ctx, s, who, func(ctx context.Context, s *Service, who identity.Caller) (model.StartupAck, error) {
		return s.reportOnce(ctx, who, p)
	})
}

// reportOnce lets one conditional UPDATE decide. Only where it changes nothing is
// the startup read, to say why.
func (s *Service) reportOnce(ctx context.Context, who identity.Caller, p store.ReportStartupParams) (model.StartupAck, error) {
	p.PrincipalID, p.CallerTenant, p.CallerEpoch = who.ID, who.TenantKey, who.Epoch
	if won, err := s.desk.report(ctx, p); err != nil || won.Status == p.Status {
		return model.StartupAck{StartupID: p.ID, Status: model.StartupStatus(won.Status), AcknowledgedAt: won.At}, err
	}
	return s.unchanged(ctx, who, p)
}

// unchanged answers a report that changed nothing: the caller is stale, the
// startup another's or closed already, or an admin reports for its owner.
func (s *Service) unchanged(ctx context.Context, who identity.Caller, p store.ReportStartupParams) (model.StartupAck, error) {
	if err := s.confirm(ctx, who, nil); err != nil {
		return model.StartupAck{}, err
	}
	row, err := s.Get(ctx, who, p.ID)
	if err != nil {
		return model.StartupAck{}, err
	}
	if row.Status == string(model.StartupStatusOPEN) {
		p.PrincipalID = row.PrincipalID
		won, err := s.desk.report(ctx, p)
		if err == nil && won.Status == "" {
			err = errStale
		}
		if err != nil {
			return model.StartupAck{}, err
		}
		row.Status, row.ReadyAt, row.FailedAt = won.Status, &won.At, nil
	}
	if row.Status != p.Status {
		return model.StartupAck{}, errs.New(errs.InvalidState, "the startup is already %s", row.Status)
	}
	return model.StartupAck{StartupID: p.ID, Status: model.StartupStatus(row.Status), AcknowledgedAt: *cmp.Or(row.ReadyAt, row.FailedAt)}, nil
}
