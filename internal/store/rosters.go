package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/litebatch"
	"github.com/legivellum/metagate/gen/pgbatch"
)

// PutRosters is PutRoster for each row, in one transaction. No two are of one instance.
func (s *Store) PutRosters(ctx context.Context, rows []PutRosterParams) error {
	return s.engine.putRosters(ctx, rows)
}

// CountedOf is ListCounted for some startups; those that are gone are left out.
func (s *Store) CountedOf(ctx context.Context, ids []uuid.UUID) ([]ListCountedRow, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return s.engine.countedOf(ctx, ids)
}

func (e embedded) countedOf(ctx context.Context, ids []uuid.UUID) ([]ListCountedRow, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	rows, err := litebatch.New(e.r).ListCountedOf(ctx, string(list))
	return column(rows, func(r *litebatch.ListCountedOfRow) ListCountedRow { return ListCountedRow(*r) }), err
}

func (e pg) countedOf(ctx context.Context, ids []uuid.UUID) ([]ListCountedRow, error) {
	rows, err := pgbatch.New(e.pool).ListCountedOf(ctx, ids)
	return column(rows, func(r *pgbatch.ListCountedOfRow) ListCountedRow { return ListCountedRow(*r) }), err
}

func (e embedded) putRosters(ctx context.Context, rows []PutRosterParams) error {
	return e.inTxBeside(ctx, func(q Queries) error {
		for _, r := range rows {
			if err := q.PutRoster(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e pg) putRosters(ctx context.Context, rows []PutRosterParams) error {
	never := time.Time{}
	orNever := func(t *time.Time) time.Time {
		if t == nil {
			return never
		}
		return *t
	}
	p := pgbatch.PutRostersParams{Never: never}
	for _, r := range rows {
		p.PrincipalIds, p.StartupIds, p.Changes = append(p.PrincipalIds, r.PrincipalID), append(p.StartupIds, r.StartupID), append(p.Changes, r.Changed)
		p.ComponentKeys, p.InstanceIds, p.Statuses = append(p.ComponentKeys, r.ComponentKey), append(p.InstanceIds, r.InstanceID), append(p.Statuses, r.Status)
		p.OpenedAts, p.DeadlineAts = append(p.OpenedAts, r.OpenedAt), append(p.DeadlineAts, r.DeadlineAt)
		p.ClosedAts, p.AcknowledgedAts = append(p.ClosedAts, orNever(r.ClosedAt)), append(p.AcknowledgedAts, orNever(r.AcknowledgedAt))
		build := ""
		if r.BuildVersion != nil {
			build = *r.BuildVersion
		}
		p.BuildVersions, p.PacketEtags = append(p.BuildVersions, build), append(p.PacketEtags, r.PacketEtag)
		p.ManifestKeys, p.ManifestVersions = append(p.ManifestKeys, r.ManifestKey), append(p.ManifestVersions, r.ManifestVersion)
	}
	return e.writable(pgbatch.New(e.pool).PutRosters(ctx, p))
}
