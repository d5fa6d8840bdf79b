package app_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// operations calls each operation of openapi.yaml for each of its good statuses.
var operations = map[string]func(*testing.T, *operator) (int, error){
	"bootstrap 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.mesh.BootstrapWithResponse(o.ctx, nil, model.BootstrapRequest{ComponentKey: "asyncgate_main", PrincipalKey: "asyncgate"}))
	},
	"bootstrap 304": func(t *testing.T, o *operator) (int, error) {
		return answered(o.mesh.BootstrapWithResponse(o.ctx, &model.BootstrapParams{IfNoneMatch: new("*")}, model.BootstrapRequest{ComponentKey: "c"}))
	},
	"reportReady 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.mesh.ReportReadyWithResponse(o.ctx, model.ReadyReport{StartupID: o.start(t).Startup.StartupID, BuildVersion: "1"}))
	},
	"reportFailed 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.mesh.ReportFailedWithResponse(o.ctx, model.FailedReport{StartupID: o.start(t).Startup.StartupID, Error: "e"}))
	},
	"backfillStartups 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.mesh.BackfillStartupsWithResponse(o.ctx, model.Backfill{Startups: []model.OfflineStartup{{
			StartupID: store.NewID(time.Now()), ComponentKey: "c", PacketEtag: "e", OpenedAt: time.Now(),
		}}}))
	},
	"getStartup 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.mesh.GetStartupWithResponse(o.ctx, o.start(t).Startup.StartupID))
	},
	"getStartupPacket 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.mesh.GetStartupPacketWithResponse(o.ctx, o.start(t).Startup.StartupID))
	},

	"listPrincipals 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.ListPrincipalsWithResponse(o.ctx, nil))
	},
	"createPrincipal 201": func(t *testing.T, o *operator) (int, error) {
		return answered(o.CreatePrincipalWithResponse(o.ctx, nil, model.PrincipalCreate{
			TenantKey: "default", PrincipalKey: o.key(), AuthSubject: "Ünïcode 主", PrincipalType: "worker", Status: "disabled",
		}))
	},
	"getPrincipal 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.GetPrincipalWithResponse(o.ctx, o.ids.Principals["asyncgate"].String()))
	},
	"updatePrincipal 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(o.ctx, o.principal(t).String(), nil, patch(`{"status":"disabled"}`)))
	},
	"deletePrincipal 204": func(t *testing.T, o *operator) (int, error) {
		return answered(o.DeletePrincipalWithResponse(o.ctx, o.principal(t).String(), nil))
	},

	"listProfiles 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.ListProfilesWithResponse(o.ctx, nil))
	},
	"createProfile 201": func(t *testing.T, o *operator) (int, error) {
		return answered(o.CreateProfileWithResponse(o.ctx, nil, model.ProfileCreate{ProfileKey: o.key(), Policy: patch(`{"n":1.10}`), StartupSLASeconds: 1}))
	},
	"getProfile 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.GetProfileWithResponse(o.ctx, o.ids.Profiles["worker"].String()))
	},
	"updateProfile 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.UpdateProfileWithApplicationMergePatchPlusJSONBodyWithResponse(o.ctx, o.profile(t).String(), nil, patch(`{"policy":{"a":1},"startup_sla_seconds":null}`)))
	},
	"deleteProfile 204": func(t *testing.T, o *operator) (int, error) {
		return answered(o.DeleteProfileWithResponse(o.ctx, o.profile(t).String(), nil))
	},

	"listManifests 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.ListManifestsWithResponse(o.ctx, nil))
	},
	"createManifest 201": func(t *testing.T, o *operator) (int, error) {
		return answered(o.CreateManifestWithResponse(o.ctx, nil, model.ManifestCreate{ManifestKey: o.key(), Services: patch(`{"a":{}}`)}))
	},
	"getManifest 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.GetManifestWithResponse(o.ctx, o.ids.Manifests["legivellum-mesh"].String()))
	},
	"updateManifest 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.UpdateManifestWithApplicationMergePatchPlusJSONBodyWithResponse(o.ctx, o.manifest(t).String(), nil, patch(`{"services":{"a":{"b":null}}}`)))
	},
	"deleteManifest 204": func(t *testing.T, o *operator) (int, error) {
		return answered(o.DeleteManifestWithResponse(o.ctx, o.manifest(t).String(), nil))
	},

	"listBindings 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.ListBindingsWithResponse(o.ctx, nil))
	},
	"createBinding 201": func(t *testing.T, o *operator) (int, error) {
		b := o.newBinding(t)
		b.Active, b.Overrides = new(false), patch(`{"policy":{"a":null}}`)
		return answered(o.CreateBindingWithResponse(o.ctx, nil, b))
	},
	"getBinding 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.GetBindingWithResponse(o.ctx, o.ids.Bindings["worker-pool"]))
	},
	"updateBinding 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.UpdateBindingWithApplicationMergePatchPlusJSONBodyWithResponse(o.ctx, o.binding(t), nil, patch(`{"active":false}`)))
	},
	"deleteBinding 204": func(t *testing.T, o *operator) (int, error) {
		return answered(o.DeleteBindingWithResponse(o.ctx, o.binding(t), nil))
	},

	"listValidators 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.ListValidatorsWithResponse(o.ctx, nil))
	},
	"createValidator 201": func(t *testing.T, o *operator) (int, error) {
		return answered(o.CreateValidatorWithResponse(o.ctx, nil, model.ValidatorCreate{
			TenantKey: "default", ValidatorKey: o.key(), Description: "d", On: "packet", Match: patch(`{"keys":["none-*"]}`), Mode: "warn", AcceptPresent: true,
			Schema: patch(`{"$schema":"https://json-schema.org/draft/2020-12/schema","properties":{"policy":{"properties":{"n":{"const":1.10}}}}}`),
		}))
	},
	"getValidator 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.GetValidatorWithResponse(o.ctx, o.validator(t).String()))
	},
	"updateValidator 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.UpdateValidatorWithApplicationMergePatchPlusJSONBodyWithResponse(o.ctx, o.validator(t).String(), nil, patch(`{"mode":"warn"}`)))
	},
	"deleteValidator 204": func(t *testing.T, o *operator) (int, error) {
		return answered(o.DeleteValidatorWithResponse(o.ctx, o.validator(t).String(), nil))
	},
	"listSecretRefs 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.ListSecretRefsWithResponse(o.ctx, nil))
	},
	"createSecretRef 201": func(t *testing.T, o *operator) (int, error) {
		return answered(o.CreateSecretRefWithResponse(o.ctx, nil, model.SecretRefCreate{
			SecretKey: o.key(), RefKind: "file", RefName: "/run/x", RefMeta: patch(`{"a":[]}`), Status: "disabled",
		}))
	},
	"getSecretRef 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.GetSecretRefWithResponse(o.ctx, o.ids.SecretRefs["memorygate_jwt"].String()))
	},
	"updateSecretRef 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.UpdateSecretRefWithApplicationMergePatchPlusJSONBodyWithResponse(o.ctx, o.secretRef(t).String(), nil, patch(`{"ref_meta":{"a":1}}`)))
	},
	"deleteSecretRef 204": func(t *testing.T, o *operator) (int, error) {
		return answered(o.DeleteSecretRefWithResponse(o.ctx, o.secretRef(t).String(), nil))
	},

	"listAPIKeys 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.ListAPIKeysWithResponse(o.ctx, nil))
	},
	"createAPIKey 201": func(t *testing.T, o *operator) (int, error) {
		return answered(o.CreateAPIKeyWithResponse(o.ctx, nil, model.APIKeyCreate{
			PrincipalID: o.principal(t).String(), Name: "k", ExpiresAt: nullable.NewNullableWithValue(time.Now().Add(time.Hour)),
		}))
	},
	"getAPIKey 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.GetAPIKeyWithResponse(o.ctx, o.apiKey(t)))
	},
	"updateAPIKey 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.UpdateAPIKeyWithApplicationMergePatchPlusJSONBodyWithResponse(o.ctx, o.apiKey(t), nil, patch(`{"name":"green"}`)))
	},
	"revokeAPIKey 204": func(t *testing.T, o *operator) (int, error) {
		return answered(o.RevokeAPIKeyWithResponse(o.ctx, o.apiKey(t), nil))
	},

	"applyWorld 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.ApplyWorldWithResponse(o.ctx, &model.ApplyWorldParams{DryRun: new(false)}, o.newWorld(t)))
	},
	"exportWorld 200": func(t *testing.T, o *operator) (int, error) {
		yaml := apptest.Got(o.ExportWorldWithResponse(o.ctx, nil, accept("application/yaml"))).Is(t, 200)
		require.Equal(t, "application/yaml", yaml.HTTPResponse.Header.Get("Content-Type"))
		return answered(o.ExportWorldWithResponse(o.ctx, nil))
	},
	"listRevisions 200": func(t *testing.T, o *operator) (int, error) {
		o.principal(t)
		return answered(o.ListRevisionsWithResponse(o.ctx, nil))
	},
	"diffRevisions 200": func(t *testing.T, o *operator) (int, error) {
		o.principal(t)
		return answered(o.DiffRevisionsWithResponse(o.ctx, &model.DiffRevisionsParams{From: 0}))
	},
	"rollbackWorld 200": func(t *testing.T, o *operator) (int, error) {
		o.principal(t)
		return answered(o.RollbackWorldWithResponse(o.ctx, nil, model.Rollback{Revision: 0, DryRun: true}))
	},
	"explainPacket 200": func(t *testing.T, o *operator) (int, error) {
		refused := apptest.Got(o.ExplainPacketWithResponse(o.ctx, o.principal(t).String(), &model.ExplainPacketParams{ComponentKey: "c"})).Is(t, 200)
		require.Equal(t, "NO_BINDING", refused.JSON200.Refusal.Code)
		return answered(o.ExplainPacketWithResponse(o.ctx, o.ids.Principals["asyncgate"].String(), &model.ExplainPacketParams{ComponentKey: "asyncgate_main"}))
	},

	"listStartups 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.ListStartupsWithResponse(o.ctx, nil))
	},
	"acknowledgeStartup 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.AcknowledgeStartupWithResponse(o.ctx, overdue(t, o.app), model.Acknowledgement{Reason: "gone"}))
	},
	"listAuditLog 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.ListAuditLogWithResponse(o.ctx, nil))
	},
	"listRoster 200":   func(t *testing.T, o *operator) (int, error) { return answered(o.ListRosterWithResponse(o.ctx, nil)) },
	"listOutcomes 200": func(t *testing.T, o *operator) (int, error) { return answered(o.ListOutcomesWithResponse(o.ctx, nil)) },
	"compareOutcomes 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.CompareOutcomesWithResponse(o.ctx, &model.CompareOutcomesParams{Manifest: "legivellum-mesh", Version: 2, Against: 1}))
	},
	"listRefusals 200": func(t *testing.T, o *operator) (int, error) { return answered(o.ListRefusalsWithResponse(o.ctx, nil)) },
	"stream 200": func(t *testing.T, o *operator) (int, error) { // which ends with the key
		p := apptest.Got(o.CreatePrincipalWithResponse(o.ctx, nil, model.PrincipalCreate{PrincipalKey: o.key(), AuthSubject: o.key(), PrincipalType: "admin"})).Is(t, 201).JSON201
		expires := nullable.NewNullableWithValue(time.Now().UTC().Truncate(time.Second).Add(3 * time.Second))
		key := apptest.Got(o.CreateAPIKeyWithResponse(o.ctx, nil, model.APIKeyCreate{PrincipalID: p.ID.String(), Name: "k", ExpiresAt: expires})).Is(t, 201).JSON201.APIKey
		return answered(o.StreamWithResponse(o.ctx, nil, func(_ context.Context, r *http.Request) error { r.Header.Set("X-API-Key", key); return nil }))
	},
	"watchPacket 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.mesh.WatchPacketWithResponse(o.ctx, &model.WatchPacketParams{ComponentKey: "asyncgate_main", Wait: new("1s")}))
	},
	"watchPacket 304": func(t *testing.T, o *operator) (int, error) {
		return answered(o.mesh.WatchPacketWithResponse(o.ctx, &model.WatchPacketParams{ComponentKey: "c", Wait: new("1s"), IfNoneMatch: new("*")}))
	},
	"listEvents 200": func(t *testing.T, o *operator) (int, error) { return answered(o.ListEventsWithResponse(o.ctx, nil)) },
	"listSinks 200":  func(t *testing.T, o *operator) (int, error) { return answered(o.ListSinksWithResponse(o.ctx)) },

	"mcp 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.MCPWithResponse(o.ctx, model.MCPMessage(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)))
	},
	"mcp 202": func(t *testing.T, o *operator) (int, error) {
		return answered(o.MCPWithResponse(o.ctx, model.MCPMessage(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)))
	},

	"getInfo 200":        func(t *testing.T, o *operator) (int, error) { return answered(o.GetInfoWithResponse(o.ctx)) },
	"getHealth 200":      func(t *testing.T, o *operator) (int, error) { return answered(o.GetHealthWithResponse(o.ctx)) },
	"getReady 200":       func(t *testing.T, o *operator) (int, error) { return answered(o.GetReadyWithResponse(o.ctx)) },
	"getJWKS 200":        func(t *testing.T, o *operator) (int, error) { return answered(o.GetJWKSWithResponse(o.ctx)) },
	"getDiscovery 200":   func(t *testing.T, o *operator) (int, error) { return answered(o.GetDiscoveryWithResponse(o.ctx)) },
	"getOpenapiYaml 200": func(t *testing.T, o *operator) (int, error) { return answered(o.GetOpenapiYamlWithResponse(o.ctx)) },
	"getOpenapiJson 200": func(t *testing.T, o *operator) (int, error) { return answered(o.GetOpenapiJSONWithResponse(o.ctx)) },
	"getDocs 200":        func(t *testing.T, o *operator) (int, error) { return answered(o.GetDocsWithResponse(o.ctx)) },
	"getDocsAsset 200": func(t *testing.T, o *operator) (int, error) {
		return answered(o.GetDocsAssetWithResponse(o.ctx, "swagger-ui.css"))
	},
	"getMetrics 200": func(t *testing.T, o *operator) (int, error) { return answered(o.GetMetricsWithResponse(o.ctx)) },
}

func TestEveryOperationAnswersAsOpenAPISaysWithEveryGoodStatus(t *testing.T) {
	t.Parallel()
	var documented []string
	for id, route := range apptest.Operations() {
		for status := range route.Operation.Responses.Map() {
			if status < "400" {
				documented = append(documented, id+" "+status)
			}
		}
	}
	require.ElementsMatch(t, documented, slices.Collect(maps.Keys(operations)), "openapi.yaml and this table name the same operations")

	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		var last atomic.Pointer[http.Request]
		seen := client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error { last.Store(r); return nil })
		ids := apptest.ReadWorld(t, meshFile).Create(t, a)
		o := &operator{ClientWithResponses: a.AdminClient(t), ctx: t.Context(), ids: ids, mesh: a.Client(t, ids.APIKeys["asyncgate"]), app: a}
		require.NoError(t, seen(o.ClientInterface.(*client.Client)))
		require.NoError(t, seen(o.mesh.ClientInterface.(*client.Client)))
		for name, call := range operations {
			id, status, _ := strings.Cut(name, " ")
			got, err := call(t, o)
			require.NoError(t, err, name)
			require.Equal(t, status, strconv.Itoa(got), name) // the client has held it against openapi.yaml
			route := apptest.RouteOf(last.Load().Method, last.Load().URL)
			require.NotNil(t, route, name)
			require.Equal(t, id, route.Operation.OperationID, "the entry calls its operation")
		}
	})
}
