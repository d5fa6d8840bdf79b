package witness

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// Reader is who asks about a startup: its owner, or an admin.
type Reader struct {
	PrincipalID uuid.UUID
	Tenants     func(tenant string) bool // the tenants that an admin sees; nil for others
}

// Get returns a startup of the reader's; for others it doesn't exist.
func (s *Service) Get(ctx context.Context, r Reader, id uuid.UUID) (store.StartupSession, error) {
	row, err := s.Store.GetStartup(ctx, id)
	if store.IsNotFound(err) || (err == nil && row.PrincipalID != r.PrincipalID && (r.Tenants == nil || !r.Tenants(row.TenantKey))) {
		return store.StartupSession{}, errs.New(errs.SessionNotFound, "no such startup")
	}
	return row, err
}

// Ready closes a startup as READY, or finds it READY already.
func (s *Service) Ready(ctx context.Context, r Reader, report api.ReadyReport) (store.StartupSession, error) {
	return s.report(ctx, r, report.StartupID, api.StartupStatusREADY,
		bootstrap.Section{Pointer: "/health", Doc: report.Health},
		func(now time.Time) (int64, error) {
			return s.Store.MarkReady(ctx, store.MarkReadyParams{
				ID: report.StartupID, ReadyAt: &now, BuildVersion: &report.BuildVersion, Health: store.JSON(report.Health),
			})
		})
}

// Failed closes a startup as FAILED, or finds it FAILED already.
func (s *Service) Failed(ctx context.Context, r Reader, report api.FailedReport) (store.StartupSession, error) {
	return s.report(ctx, r, report.StartupID, api.StartupStatusFAILED,
		bootstrap.Section{Pointer: "/details", Doc: report.Details},
		func(now time.Time) (int64, error) {
			return s.Store.MarkFailed(ctx, store.MarkFailedParams{
				ID: report.StartupID, FailedAt: &now, Error: &report.Error, Details: store.JSON(report.Details),
			})
		})
}

// report lets one conditional UPDATE decide; who comes later reads what it decided.
func (s *Service) report(ctx context.Context, r Reader, id uuid.UUID, to api.StartupStatus, payload bootstrap.Section, mark func(time.Time) (int64, error)) (store.StartupSession, error) {
	row, err := s.Get(ctx, r, id)
	if err != nil {
		return row, err
	}
	if err := bootstrap.CheckForbidden(payload); err != nil {
		return row, err
	}
	if row.Status == string(api.StartupStatusOPEN) {
		if _, err := mark(s.Now()); err != nil {
			return row, err
		}
		if row, err = s.Get(ctx, r, id); err != nil {
			return row, err
		}
	}
	if row.Status != string(to) {
		return row, errs.New(errs.InvalidState, "the startup is already %s", row.Status)
	}
	return row, nil
}
