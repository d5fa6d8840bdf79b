package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/legivellum/metagate/db"
)

// How often the lock of whoever migrates is looked for, and how long.
const (
	lockPoll = 50 * time.Millisecond
	lockWait = time.Minute
)

// Migration is one migration and when it was applied; zero while it is pending.
type Migration struct {
	Version   int64
	Name      string
	AppliedAt time.Time
}

type migrator = *goose.Provider

func provider(dialect goose.Dialect, sqlDB *sql.DB, dir string, opts ...goose.ProviderOption) (migrator, error) {
	files, err := fs.Sub(db.Migrations, dir+"/migrations")
	if err != nil {
		return nil, err
	}
	opts = append(opts, goose.WithDisableGlobalRegistry(true))
	return goose.NewProvider(dialect, sqlDB, files, opts...)
}

// Migrate applies what is pending, under a lock that other processes on the
// same database honour, and returns what it applied.
func (s *Store) Migrate(ctx context.Context) ([]Migration, error) {
	unlock, err := s.engine.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if now, err := s.engine.version(ctx); err != nil || now > newest {
		return nil, cmp.Or(err, outOfStep(now))
	}
	var done []Migration
	err = s.engine.migrations(ctx, func(p migrator) error {
		rs, err := p.Up(ctx)
		for _, r := range rs {
			done = append(done, Migration{Version: r.Source.Version, Name: r.Source.Path})
		}
		return err
	})
	return done, err
}

// MigrateDown takes the newest migration back, or none where there is none.
func (s *Store) MigrateDown(ctx context.Context) (Migration, error) {
	unlock, err := s.engine.lock(ctx)
	if err != nil {
		return Migration{}, err
	}
	defer unlock()
	var undone Migration
	err = s.engine.migrations(ctx, func(p migrator) error {
		v, err := p.GetDBVersion(ctx)
		if err != nil || v == 0 {
			return err
		}
		r, err := p.Down(ctx)
		if err != nil {
			return err
		}
		undone = Migration{Version: r.Source.Version, Name: r.Source.Path}
		return nil
	})
	return undone, err
}

// Migrations lists every migration this binary knows.
func (s *Store) Migrations(ctx context.Context) ([]Migration, error) {
	var all []Migration
	err := s.engine.migrations(ctx, func(p migrator) error {
		rs, err := p.Status(ctx)
		for _, r := range rs {
			all = append(all, Migration{Version: r.Source.Version, Name: r.Source.Path, AppliedAt: r.AppliedAt})
		}
		return err
	})
	return all, err
}

// newest is the last migration of this binary; both engines have the same.
var newest = func() (v int64) {
	files, _ := fs.Glob(db.Migrations, "sqlite/migrations/*.sql") // the pattern is well formed
	for _, f := range files {
		n, _ := goose.NumericComponent(f) // goose refuses other names when it migrates
		v = max(v, n)
	}
	return v
}()

// versionIn reads goose's table; a database without one is at 0.
func versionIn(ctx context.Context, dialect goose.Dialect, sqlDB *sql.DB) (int64, error) {
	table, err := database.NewStore(dialect, goose.DefaultTablename)
	if err != nil {
		return 0, err
	}
	v, err := table.GetLatestVersion(ctx, sqlDB)
	if isPG(err, pgUndefinedTable) || errors.Is(err, database.ErrVersionNotFound) {
		return 0, nil
	}
	return v, err
}
