package admin

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

// byKey begins a key that stands for an id.
const byKey = "key:"

// lookUp finds a row by its id, in whatever tenant, or by its key in this one.
func (k *Kind[R, C, V]) lookUp(ctx context.Context, q store.Queries, tenant string, ref model.IDOrKey) (row R, err error) {
	if key, ok := strings.CutPrefix(ref, byKey); ok && k.getByKey != nil {
		return k.getByKey(ctx, q, tenant, key)
	}
	id, err := uuid.Parse(ref)
	if err != nil {
		id = uuid.Nil // nothing has it
	}
	return k.get(ctx, q, id)
}

// idOf is a reference that prepare has found: an id by then.
func idOf(found model.IDOrKey) uuid.UUID { return uuid.MustParse(found) }
