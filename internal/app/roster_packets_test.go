package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/witness"
)

// sections are those of each start on the roster that is outdated, by component.
func (l *lab) sections(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	entries := *apptest.Got(l.admin.ListRosterWithResponse(t.Context(), nil)).Is(t, 200).JSON200
	for _, e := range entries {
		for _, s := range e.Components {
			if packet, _ := s.Packet.Get(); packet == model.RosterPacketOutdated {
				out[s.ComponentKey] = strings.Join(s.Sections, " ")
			} else {
				require.Nil(t, s.Sections, packet)
			}
		}
	}
	return out
}

func TestTheRosterTellsInWhichSectionsAnOldPacketDiffers(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		is := func(want map[string]string) {
			t.Helper()
			require.Equal(t, want, l.sections(t), "at once")
			l.counted(t)
			require.Equal(t, want, l.sections(t), "when the reader has written it")
		}
		l.start(t, "first")
		is(map[string]string{})
		l.services(t, `{"services":{"gate":{"port":2}}}`)
		is(map[string]string{"first": "services"})
		body := `{"id":1,"method":"tools/call","params":{"name":"metagate.bootstrap","arguments":{"component_key":"tool"}}}`
		apptest.Got(l.component.MCPWithBodyWithResponse(t.Context(), "application/json", strings.NewReader(body))).Is(t, 200)
		l.services(t, `{"polling":{"n":1}}`)
		apptest.Got(l.admin.UpdateProfileWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.profile.ID.String(), nil, patch(`{"policy":{"rate":2}}`))).Is(t, 200)
		is(map[string]string{"first": "policy polling services", "tool": "policy polling"})
		l.services(t, `{"services":{"gate":{"port":1}},"polling":{"n":null}}`)
		is(map[string]string{"first": "policy", "tool": "policy services"})
		apptest.Got(l.admin.UpdateProfileWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.profile.ID.String(), nil, patch(`{"policy":{"rate":1.1}}`))).Is(t, 200)
		is(map[string]string{"tool": "services"}) // 1.10 is 1.1, to the etag
		apptest.Got(l.admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.principal.ID.String(), nil, patch(`{"principal_key":"renamed"}`))).Is(t, 200)
		is(map[string]string{"first": "principal_key", "tool": "services"})
	})
}

func TestTheSectionsOutliveTheReceiptAndAreNeverGuessed(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		l.start(t, "c")
		past := l.principal.CreatedAt.Add(-48 * time.Hour)
		l.opened(t, store.OpenStartupParams{ComponentKey: "older", OpenedAt: past, DeadlineAt: past.Add(time.Minute)}) // by a server that kept no packets
		l.services(t, `{"services":{"gate":{"port":2}}}`)
		l.counted(t)
		long := store.Now().Add(1000 * time.Hour)
		r := witness.Retention{Store: a.Store, Now: func() time.Time { return long }, Keep: time.Hour, KeepPackets: time.Hour, Batch: 500}
		removed, err := r.Sweep(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 2, removed)
		_, err = r.SweepPackets(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[string]string{"c": "services", "older": ""}, l.sections(t))
	})
}
