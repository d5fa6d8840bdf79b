package app_test

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/component"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// The record of a mesh that started through an outage is whole.
func TestAThousandStartsWithoutMetaGateAreOnTheRecordOnceItIsBack(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, database string) {
		sign, port := signed(t), 0
		var key string
		run := func() *apptest.App {
			return apptest.Start(t, database, func(c *app.Config) {
				if key == "" {
					sign(c)
					key = c.SigningKeyFile
				}
				c.SigningKeyFile, c.Port = key, port
			})
		}
		a := run()
		principals, starts := 10, apptest.Fewer(100) // of each
		var configs []component.Config
		for i := range principals {
			l := newLab(t, a)
			cfg := componentOf(t, a, l.key.APIKey, "c")
			cfg.CacheDir, cfg.Version = t.TempDir(), strconv.Itoa(i)
			cfg.Budget, cfg.ReportBudget = time.Minute, time.Minute // of a machine that may be busy
			s, err := component.Start(t.Context(), cfg)
			require.NoError(t, err)
			require.NoError(t, s.Ready(t.Context()))
			cfg.Budget = 300 * time.Millisecond
			configs = append(configs, cfg)
		}
		at, err := url.Parse(a.URL)
		require.NoError(t, err)
		port, err = strconv.Atoi(at.Port())
		require.NoError(t, err)
		require.NoError(t, a.Close())

		var all sync.WaitGroup
		var mu sync.Mutex
		want := map[string]model.StartupStatus{}
		failures := make(chan error, principals*starts)
		for _, cfg := range configs {
			for i := range starts {
				all.Go(func() {
					own := cfg
					own.InstanceID = strconv.Itoa(i)
					s, err := component.Start(t.Context(), own)
					if err != nil {
						failures <- err
						return
					}
					state := model.StartupStatusOPEN
					switch i % 3 {
					case 0:
						state, err = model.StartupStatusREADY, s.Ready(t.Context())
					case 1:
						state, err = model.StartupStatusFAILED, s.Failed(t.Context(), errors.New("no"))
					}
					if err != nil || s.Source() != component.SourceCache {
						failures <- fmt.Errorf("%s: %w", s.Source(), err)
					}
					mu.Lock()
					defer mu.Unlock()
					want[s.ID()] = state
				})
			}
		}
		all.Wait()
		close(failures)
		for err := range failures {
			require.NoError(t, err)
		}
		require.Len(t, want, principals*starts)

		b := run()
		require.Equal(t, a.URL, b.URL)
		left := func() (n int) {
			for _, cfg := range configs {
				files, err := filepath.Glob(filepath.Join(cfg.CacheDir, "starts-*", "*"))
				require.NoError(t, err)
				n += len(files)
			}
			return n
		}
		for left() > 0 {
			select {
			case <-t.Context().Done():
				t.Fatal("not all are told of")
			case <-time.After(10 * time.Millisecond):
			}
		}
		got := map[string]model.StartupStatus{}
		for page := "startups?source=cache&limit=1000"; page != ""; {
			var rows []model.StartupSession
			rows, page = adminList[model.StartupSession](t, b, page)
			for _, s := range rows {
				require.NotContains(t, got, s.StartupID.String(), "once")
				require.True(t, s.OpenedAt.After(s.ClaimedOpenedAt.MustGet()), "what was claimed is apart from what is known")
				got[s.StartupID.String()] = s.Status
			}
		}
		require.Equal(t, want, got)
	})
}
