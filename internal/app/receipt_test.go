package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestLabelsBeyondTheirLimitsAreRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		many := map[string]string{}
		for i := range 17 {
			many[fmt.Sprint(i)] = ""
		}
		seventeen, err := json.Marshal(many)
		require.NoError(t, err)
		for _, members := range []string{
			`"labels":` + string(seventeen), `"labels":{"a":1}`, `"labels":[]`, `"instance_id":""`, `"host":"a\nb"`, `"source":"cache"`, `"source":"x"`,
			`"labels":{"a":"` + strings.Repeat("x", 1000) + `","b":"` + strings.Repeat("x", 1000) + `","c":"` + strings.Repeat("x", 1000) +
				`","d":"` + strings.Repeat("x", 1000) + `","e":"` + strings.Repeat("x", 1000) + `"}`,
		} {
			wire{a, l.key.APIKey}.send(t, "POST", "/v1/bootstrap", `{"component_key":"c",`+members+`}`).refused(t, 400, "INVALID_REQUEST")
		}
		list, _ := adminList[model.StartupSession](t, a, "startups")
		require.Empty(t, list)
	})
}

func TestAReceiptKnowsWhoStartedWhereAndByWhichCredential(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		got := wire{a, l.key.APIKey}.send(t, "POST", "/v1/bootstrap", `{"component_key":"c","instance_id":"pod-7","host":"node ü","source":"bench",`+
			`"labels":{"zone":"eu","deploy":"blue"},"principal_key":null,"last_packet_etag":null}`)
		require.Equal(t, 200, got.Status, got.Body)
		list, _ := adminList[model.StartupSession](t, a, "startups?instance_id=pod-7&source=bench")
		require.Len(t, list, 1)
		s := list[0]
		at, err := a.Store.GetRevision(t.Context(), "default")
		require.NoError(t, err)
		require.Equal(t, []any{"pod-7", "node ü", model.StartupSource("bench"), at.Revision, "127.0.0.1"},
			[]any{s.InstanceID.MustGet(), s.Host.MustGet(), s.Source, s.Revision.MustGet(), s.RemoteAddr.MustGet()})
		require.JSONEq(t, `{"zone":"eu","deploy":"blue"}`, string(s.Labels.MustGet()))
		require.JSONEq(t, `{"api_key_id":"`+l.key.ID.String()+`"}`, string(s.Credential.MustGet()))
		require.NotContains(t, got.Body, "pod-7", "no part of the packet")

		token, err := identity.Sign(apptest.JWTSecret, "HS256", l.principal.AuthSubject, time.Minute, "https://issuer", "", time.Now())
		require.NoError(t, err)
		packet := apptest.Got(a.Client(t, token).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Is(t, 200).JSON200
		plain := l.get(t, packet.Startup.StartupID)
		require.True(t, plain.InstanceID.IsNull() && plain.Host.IsNull() && plain.Labels.IsNull())
		require.Equal(t, model.StartupSource("live"), plain.Source)
		require.JSONEq(t, `{"issuer":"https://issuer","subject":"`+l.principal.AuthSubject+`"}`, string(plain.Credential.MustGet()))
	})
}

func TestAnAlarmEndsWhenItIsSupersededOrAcknowledged(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		ago := func(d time.Duration) time.Time { return store.Now().Add(-d) }
		overdue := func(component string) uuid.UUID {
			return l.opened(t, store.OpenStartupParams{ComponentKey: component, OpenedAt: ago(time.Hour), DeadlineAt: ago(30 * time.Minute)})
		}
		acknowledge := func(id uuid.UUID, reason string) apptest.Call[*client.AcknowledgeStartupResult] {
			return apptest.Got(l.admin.AcknowledgeStartupWithResponse(t.Context(), id, model.Acknowledgement{Reason: reason}))
		}
		open := l.start(t, "open").Startup.StartupID
		acknowledge(open, "not yet").Fails(t, 409, "INVALID_STATE")
		acknowledge(uuid.New(), "nobody").Fails(t, 404, "SESSION_NOT_FOUND")
		acknowledge(open, "").Fails(t, 400, "INVALID_REQUEST")

		again, gone, still := overdue("again"), overdue("gone"), overdue("still")
		later := l.start(t, "again").Startup.StartupID
		first := *acknowledge(gone, "decommissioned").Is(t, 200).JSON200
		require.Equal(t, "decommissioned", first.AcknowledgedReason.MustGet())
		require.Equal(t, "admin", first.AcknowledgedBy.MustGet())
		require.Equal(t, first, *acknowledge(gone, "another word").Is(t, 200).JSON200)

		ids := func(status string) (out []uuid.UUID) {
			list, _ := adminList[model.StartupSession](t, a, "startups?status="+status)
			for _, s := range list {
				require.Equal(t, status == "OVERDUE", s.Overdue)
				require.Equal(t, model.StartupStatusOPEN, s.Status)
				out = append(out, s.StartupID)
			}
			return out
		}
		require.Equal(t, []uuid.UUID{still}, ids("OVERDUE"))
		require.Equal(t, []uuid.UUID{again}, ids("SUPERSEDED"))
		require.Equal(t, []uuid.UUID{gone}, ids("ACKNOWLEDGED"))
		require.Equal(t, later, l.get(t, again).SupersededBy.MustGet())
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(gone))).Is(t, 200) // it came up after all

		log, _ := adminList[model.AuditEntry](t, a, "audit-log?resource_id="+gone.String())
		require.Len(t, log, 1)
		require.Contains(t, string(log[0].After.MustGet()), "decommissioned")
	})
}
