package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/pgbatch"
)

// Reported is how a startup was closed: by the report that won.
type Reported struct {
	Status string
	At     time.Time
}

// batches are the writes of the hot path: many rows, one commit.
type batches interface {
	openStartups(ctx context.Context, rows []OpenStartupParams) (opened map[uuid.UUID]bool, err error)
	reportStartups(ctx context.Context, rows []ReportStartupParams) (map[uuid.UUID]Reported, error)
}

// OpenStartups is OpenStartup for many rows with one commit; the rows whose
// revision has moved are left out of opened. An error means that none was written.
func (s *Store) OpenStartups(ctx context.Context, rows []OpenStartupParams) (opened map[uuid.UUID]bool, err error) {
	return s.engine.openStartups(ctx, rows)
}

// ReportStartups is ReportStartup for many rows with one commit. What is left
// out was not OPEN, not the caller's, or its caller's revision has moved.
func (s *Store) ReportStartups(ctx context.Context, rows []ReportStartupParams) (map[uuid.UUID]Reported, error) {
	return s.engine.reportStartups(ctx, rows)
}

func (e embedded) openStartups(ctx context.Context, rows []OpenStartupParams) (map[uuid.UUID]bool, error) {
	opened := make(map[uuid.UUID]bool, len(rows))
	err := e.inTx(ctx, func(q Queries) error {
		for _, r := range rows {
			n, err := q.OpenStartup(ctx, r)
			if err != nil {
				return err
			}
			if n == 1 {
				opened[r.ID] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, err // what was opened was rolled back
	}
	return opened, nil
}

func (e embedded) reportStartups(ctx context.Context, rows []ReportStartupParams) (map[uuid.UUID]Reported, error) {
	reported := make(map[uuid.UUID]Reported, len(rows))
	err := e.inTx(ctx, func(q Queries) error {
		for _, r := range rows {
			n, err := q.ReportStartup(ctx, r)
			if err != nil {
				return err
			}
			if n == 1 {
				reported[r.ID] = Reported{r.Status, *reportedAt(r)}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return reported, nil
}

func reportedAt(r ReportStartupParams) *time.Time {
	if r.ReadyAt != nil {
		return r.ReadyAt
	}
	return r.FailedAt
}

func (e pg) openStartups(ctx context.Context, rows []OpenStartupParams) (map[uuid.UUID]bool, error) {
	var a pgbatch.OpenStartupsParams
	for _, r := range rows {
		a.Ids, a.PrincipalIds, a.PacketIds = append(a.Ids, r.ID), append(a.PrincipalIds, r.PrincipalID), append(a.PacketIds, r.PacketID)
		a.TenantKeys, a.Revisions = append(a.TenantKeys, r.TenantKey), append(a.Revisions, r.Revision)
		a.PrincipalKeys, a.ComponentKeys = append(a.PrincipalKeys, r.PrincipalKey), append(a.ComponentKeys, r.ComponentKey)
		a.ProfileKeys, a.ManifestKeys = append(a.ProfileKeys, r.ProfileKey), append(a.ManifestKeys, r.ManifestKey)
		a.ManifestVersions, a.PacketEtags = append(a.ManifestVersions, r.ManifestVersion), append(a.PacketEtags, r.PacketEtag)
		a.OpenedAts, a.DeadlineAts = append(a.OpenedAts, r.OpenedAt), append(a.DeadlineAts, r.DeadlineAt)
	}
	ids, err := pgbatch.New(e.pool).OpenStartups(ctx, a)
	if err != nil {
		return nil, err
	}
	opened := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		opened[id] = true
	}
	return opened, nil
}

func (e pg) reportStartups(ctx context.Context, rows []ReportStartupParams) (map[uuid.UUID]Reported, error) {
	var a pgbatch.ReportStartupsParams
	for _, r := range rows {
		a.Ids, a.PrincipalIds = append(a.Ids, r.ID), append(a.PrincipalIds, r.PrincipalID)
		a.CallerTenants, a.CallerRevisions = append(a.CallerTenants, r.CallerTenant), append(a.CallerRevisions, r.CallerRevision)
		a.Statuses, a.ReportedAts = append(a.Statuses, r.Status), append(a.ReportedAts, *reportedAt(r))
		a.BuildVersions, a.Healths = append(a.BuildVersions, empty(r.BuildVersion)), append(a.Healths, string(r.Health))
		a.Errors, a.Details = append(a.Errors, empty(r.Error)), append(a.Details, string(r.Details))
	}
	won, err := pgbatch.New(e.pool).ReportStartups(ctx, a)
	if err != nil {
		return nil, err
	}
	reported := make(map[uuid.UUID]Reported, len(won))
	for _, r := range won {
		reported[r.ID] = Reported{r.Status, r.ReportedAt}
	}
	return reported, nil
}

// empty is how an absent text travels in an array: the statement makes it NULL
// again, and neither text may be empty itself.
func empty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
