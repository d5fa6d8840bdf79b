package witness

import (
	"cmp"
	"context"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// backfillAge is how long ago a start may be that is told of.
const backfillAge = 7 * 24 * time.Hour

// Backfill records starts that happened without this server. It is no bootstrap: it
// entitles nobody to anything, so a packet may be the one of then. Each has its own
// result; an error is of all.
func (s *Service) Backfill(ctx context.Context, who identity.Caller, starts []model.OfflineStartup) ([]model.BackfillResult, error) {
	return current(ctx, s, who, func(ctx context.Context, s *Service, who identity.Caller) ([]model.BackfillResult, error) {
		results, rows := make([]model.BackfillResult, len(starts)), make([]*store.BackfillStartupParams, len(starts))
		for i, start := range starts {
			results[i].StartupID = start.StartupID
			row, err := s.offline(ctx, who, start)
			if refusal, ok := refused(err); ok {
				refuse(&results[i], refusal)
			} else if err != nil {
				return nil, err
			} else {
				rows[i] = &row
			}
		}
		err := s.tx(ctx, func(q store.Queries) error {
			if _, err := who.Again(ctx, q); err != nil {
				return err
			}
			for i, row := range rows {
				if row == nil {
					continue
				}
				if err := fill(ctx, q, *row, &results[i]); err != nil {
					return err
				}
			}
			return nil
		})
		return results, err
	})
}

// refused is the refusal of one start, where err is one.
func refused(err error) (*errs.Error, bool) {
	e, ok := err.(*errs.Error) //nolint:errorlint // offline makes them
	return e, ok && e.Code != errs.Unavailable && e.Code != errs.Internal
}

func refuse(result *model.BackfillResult, e *errs.Error) {
	result.Result, result.Code, result.Detail = model.BackfillResultResultRefused, string(e.Code), e.Message
}

// offline is the row of a start.
func (s *Service) offline(ctx context.Context, who identity.Caller, start model.OfflineStartup) (row store.BackfillStartupParams, err error) {
	now := s.now()
	made := time.Unix(start.StartupID.Time().UnixTime())
	if start.StartupID.Version() != 7 || now.Sub(made) > backfillAge || made.Sub(now) > keyDrift {
		return row, errs.New(errs.InvalidRequest, "startup_id is no UUIDv7 of the last seven days")
	}
	if len(start.Labels) > maxLabels {
		return row, errs.New(errs.InvalidRequest, "the labels are larger than 4096 bytes")
	}
	row, err = s.origin(ctx, who, start)
	if err != nil {
		return row, err
	}
	row.ID, row.TenantKey, row.PrincipalID, row.PrincipalKey = start.StartupID, who.TenantKey, who.ID, who.PrincipalKey
	row.ComponentKey, row.PacketEtag, row.PacketID = start.ComponentKey, start.PacketEtag, store.NewID(now)
	row.Credential, row.RemoteAddr = who.Credential, said(who.RemoteAddr)
	row.InstanceID, row.Host, row.Labels = said(start.InstanceID), said(start.Host), store.JSON(start.Labels)
	row.OpenedAt, row.ClaimedOpenedAt = now, micros(&start.OpenedAt)
	row.Status = string(cmp.Or(start.Status, model.StartupStatusOPEN))
	switch model.StartupStatus(row.Status) {
	case model.StartupStatusREADY:
		row.ReadyAt, row.BuildVersion, row.Health = &now, &start.BuildVersion, present(start.Health)
	case model.StartupStatusFAILED:
		row.FailedAt, row.Error, row.Details = &now, &start.Error, present(start.Details)
	default:
		return row, nil
	}
	row.ClaimedClosedAt = micros(start.ClosedAt)
	return row, nil
}

// micros is a time as it is stored.
func micros(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(t.UTC().Truncate(time.Microsecond))
}

// origin is where a packet came from: the present world, or an earlier answer.
func (s *Service) origin(ctx context.Context, who identity.Caller, start model.OfflineStartup) (row store.BackfillStartupParams, err error) {
	now := s.now()
	if b, err := s.permitted(ctx, who, Birth{ComponentKey: start.ComponentKey}); err == nil && b.Etag(who.PrincipalKey, start.ComponentKey) == start.PacketEtag {
		row.ProfileKey, row.ManifestKey, row.ManifestVersion, row.DeploymentKey = b.ProfileKey, b.ManifestKey, b.ManifestVersion, unusual(b.DeploymentKey)
		row.Revision, row.DeadlineAt = &b.revision, now.Add(b.SLA)
		return row, nil
	} else if _, ok := refused(err); err != nil && !ok {
		return row, err
	}
	then, err := s.FindLastAnswered(ctx, store.FindLastAnsweredParams{PrincipalID: who.ID, ComponentKey: start.ComponentKey, PacketEtag: start.PacketEtag})
	if store.IsNotFound(err) { // another instance's, or one that isn't counted yet
		then, err = s.FindAnswered(ctx, store.FindAnsweredParams{
			TenantKey: who.TenantKey, PrincipalKey: who.PrincipalKey, PrincipalID: who.ID, ComponentKey: start.ComponentKey,
			PacketEtag: start.PacketEtag, FromID: store.FirstID(now.Add(-backfillAge)),
		})
	}
	if store.IsNotFound(err) {
		return row, errs.New(errs.InvalidReference, "principal %q was not answered with this packet_etag for component %q in the last seven days", who.PrincipalKey, start.ComponentKey)
	}
	row.ProfileKey, row.ManifestKey, row.ManifestVersion, row.DeploymentKey = then.ProfileKey, then.ManifestKey, then.ManifestVersion, then.DeploymentKey
	row.Revision, row.DeadlineAt = then.Revision, now.Add(then.DeadlineAt.Sub(then.OpenedAt))
	return row, err
}

// fill writes a row, or finds it there; then the caller's, if OPEN, may end.
func fill(ctx context.Context, q store.Queries, row store.BackfillStartupParams, result *model.BackfillResult) error {
	n, err := q.BackfillStartup(ctx, row)
	if err != nil || n == 1 {
		result.Result = model.BackfillResultResultRecorded
		return err
	}
	known, err := q.GetStartup(ctx, row.ID)
	if err != nil {
		return err
	}
	const open = string(model.StartupStatusOPEN)
	switch {
	case known.PrincipalID != row.PrincipalID:
		refuse(result, errs.New(errs.IdempotencyKeyReused, "the startup_id is another startup's"))
		return nil
	case row.Status == open || row.Status == known.Status:
		result.Result = model.BackfillResultResultKnown
		return nil
	case known.Status != open:
		refuse(result, errs.New(errs.InvalidState, "the startup is already %s", known.Status))
		return nil
	}
	n, err = q.CloseBackfilled(ctx, store.CloseBackfilledParams{
		ID: row.ID, PrincipalID: row.PrincipalID, Status: row.Status, ReadyAt: row.ReadyAt, FailedAt: row.FailedAt,
		BuildVersion: row.BuildVersion, Health: row.Health, Error: row.Error, Details: row.Details, ClaimedClosedAt: row.ClaimedClosedAt,
	})
	result.Result = model.BackfillResultResultClosed
	if n == 0 { // a report came in between
		result.Result = model.BackfillResultResultKnown
	}
	return err
}
