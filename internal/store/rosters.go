package store

import "context"

// PutRosters is PutRoster for each row, in one transaction.
func (s *Store) PutRosters(ctx context.Context, rows []PutRosterParams) error {
	return s.InTx(ctx, func(q Queries) error {
		for _, r := range rows {
			if err := q.PutRoster(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
}
