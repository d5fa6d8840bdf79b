package witness

import (
	"context"

	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/identity"
)

// Etag is that of the packet which who, read from the database just now, would be
// answered with, and who as it was read for it. It opens nothing.
func (s *Service) Etag(ctx context.Context, who identity.Caller, b Birth) (etag string, read identity.Caller, err error) {
	read = who
	etag, err = current(ctx, s, who, func(ctx context.Context, s *Service, who identity.Caller) (string, error) {
		read = who
		blueprint, err := s.permitted(ctx, who, b)
		if err != nil {
			return "", err
		}
		return bootstrap.EtagOf(blueprint.Stable(who.PrincipalKey, b.ComponentKey)), nil
	})
	return etag, read, err
}
