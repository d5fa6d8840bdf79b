package store

import "context"

// Schema is the number of the last migration of the database, and of this binary.
func (s *Store) Schema(ctx context.Context) (database, binary int64, err error) {
	database, err = s.engine.version(ctx)
	return database, newest, err
}
