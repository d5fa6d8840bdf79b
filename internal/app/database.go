package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// Open opens the database and waits for its first answer.
func Open(ctx context.Context, url string) (*store.Store, error) {
	st, err := store.Open(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	ping, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := st.Ping(ping); err != nil {
		st.Close()
		return nil, fmt.Errorf("DATABASE_URL: the database does not answer: %s", strings.Join(strings.Fields(err.Error()), " "))
	}
	return st, nil
}

func (a *App) migrate(ctx context.Context) error {
	if !a.config.AutoMigrate {
		if err := a.Store.Ready(ctx); err != nil {
			return blame("AUTO_MIGRATE is off", err)
		}
		return nil
	}
	done, err := a.Store.Migrate(ctx)
	if err != nil {
		return blame("DATABASE_URL: migrating failed (AUTO_MIGRATE)", err)
	}
	for _, m := range done {
		a.log.InfoContext(ctx, "migration applied", "version", m.Version, "name", m.Name)
	}
	return nil
}

// blame says which setting a failure is of: the database's, whatever was tried,
// where that can't be used at all.
func blame(setting string, err error) error {
	if e, ok := errors.AsType[store.NotReady](err); (ok && e.Newer) || errs.Is(store.Classify(err), errs.Unavailable) {
		setting = "DATABASE_URL"
	}
	return fmt.Errorf("%s: %w", setting, err)
}
