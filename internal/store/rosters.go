package store

import (
	"context"
	"time"

	"github.com/legivellum/metagate/gen/pgbatch"
)

// PutRosters is PutRoster for each row, in one transaction. No two are of one instance.
func (s *Store) PutRosters(ctx context.Context, rows []PutRosterParams) error {
	return s.engine.putRosters(ctx, rows)
}

func (e embedded) putRosters(ctx context.Context, rows []PutRosterParams) error {
	return e.inTx(ctx, func(q Queries) error {
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
