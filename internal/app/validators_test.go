package app_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// shop is a world with one manifest for two principals, of whom only b speaks TLS.
const shop = `
profiles: [{profile_key: service, policy: {max: 1}}]
manifests: [{manifest_key: shop, services: {orders: {endpoint: 'http://orders'}}}, {manifest_key: other}]
principals: [{principal_key: a, auth_subject: a}, {principal_key: b, auth_subject: b}, {principal_key: c, auth_subject: c}]
bindings:
- {principal: a, profile: service, manifest: shop}
- {principal: b, profile: service, manifest: shop, overrides: {services: {orders: {endpoint: 'https://orders'}}}}
- {principal: c, profile: service, manifest: shop}
secret_refs: [{secret_key: s, ref_kind: env, ref_name: S}]
`

// https wants TLS of each service.
const https = `{properties: {services: {additionalProperties: {required: [endpoint], properties: {endpoint: {pattern: '^https://'}}}}}}`

const noTLS = "'http://orders' does not match pattern '^https://'"

func validator(key, on, mode, schema, more string) string {
	return fmt.Sprintf("validators: [{validator_key: %s, 'on': %s, mode: %s, schema: %s%s}]\n", key, on, mode, schema, more)
}

func (w worlds) yaml(t *testing.T, text string, how ...string) model.Plan {
	t.Helper()
	return *w.try(t, asYAML, text, how...).Is(t, 200).JSON200
}

func details(p model.Problem) []string {
	out := make([]string, len(p.Errors))
	for i, e := range p.Errors {
		out[i] = e.Pointer + " " + e.Detail
	}
	return out
}

func findings(all []model.ValidatorFinding) []string {
	out := []string{}
	for _, f := range all {
		out = append(out, fmt.Sprintf("%s: %s %s %s %s", f.ValidatorKey, f.ResourceType, f.ResourceKey, f.Pointer, f.Detail))
	}
	return out
}

func TestAValidatorThatIsNoneIsRefusedByItsPlace(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		for schema, want := range map[string]string{
			`{"type":"sting"}`:                                    "/schema/type",
			`{"items":{"$ref":"file:///etc/passwd"}}`:             "/schema/items/$ref",
			`{"items":{"$ref":"http://127.0.0.1:1/x.json"}}`:      "/schema/items/$ref",
			`{"$schema":"https://127.0.0.1:1/meta"}`:              "/schema/$schema",
			`{"$ref":"#/$defs/none"}`:                             "/schema/$ref",
			`{"$ref":"#"}`:                                        "/schema",
			`{"pattern":"(?<=a)b"}`:                               "/schema/pattern",
			`{"maximum":1e999999999}`:                             "/schema/maximum",
			`{"$comment":"` + strings.Repeat("x", 300<<10) + `"}`: "/schema",
			`{"allOf":[` + strings.Repeat("{},", 2000) + `{}]}`:   "/schema",
			`[]`:   "/schema",
			`true`: "/schema",
		} {
			body := `{"validator_key":"v","on":"manifest","schema":` + schema + `}`
			p := w.wire.send(t, "POST", "/v1/admin/validators", body).refused(t, 400, "INVALID_REQUEST")
			require.Contains(t, pointersOf(p), want, "%.60s", schema)
			p = w.refuse(t, "validators: ["+body+"]", 400, "INVALID_REQUEST")
			require.Contains(t, pointersOf(p), "/validators/0"+want, "%.60s", schema)
		}
		for body, want := range map[string]string{
			`{"validator_key":"v","on":"binding","schema":{}}`:                          "/on",
			`{"validator_key":"v","on":"packet","mode":"maybe","schema":{}}`:            "/mode",
			`{"validator_key":"v","on":"packet","match":{"keys":[]},"schema":{}}`:       "/match/keys",
			`{"validator_key":"v","on":"packet","match":{"key":["a"]},"schema":{}}`:     "/match/key",
			`{"validator_key":"v","on":"packet"}`:                                       "/schema",
			`{"validator_key":"v","on":"packet","schema":{},"accept_present":"please"}`: "/accept_present",
		} {
			require.Contains(t, pointersOf(w.wire.send(t, "POST", "/v1/admin/validators", body).refused(t, 400, "INVALID_REQUEST")), want, body)
		}
		require.Empty(t, w.exported(t).Validators)

		id := w.wire.create(t, "/v1/admin/validators", `{"validator_key":"v","on":"packet","match":{"keys":["a"]},"schema":{}}`)
		for patch, want := range map[string]string{
			`{"match":{"key":["a"]}}`:  "/match/key",
			`{"match":{"keys":[]}}`:    "/match/keys",
			`{"match":{"keys":[""]}}`:  "/match/keys/0",
			`{"match":{"keys":"a"}}`:   "/match/keys",
			`{"match":["a"]}`:          "/match",
			`{"schema":{"type":"a"}}`:  "/schema/type",
			`{"on":null}`:              "/on",
			`{"validator_key":"a b"}`:  "/validator_key",
			`{"accept_present":"yes"}`: "/accept_present",
		} {
			require.Contains(t, pointersOf(w.wire.send(t, "PATCH", "/v1/admin/validators/"+id, patch).refused(t, 400, "INVALID_REQUEST")), want, patch)
		}
		require.JSONEq(t, `{"keys":["a"]}`, string(w.exported(t).Validators[0].Match))
		w.wire.send(t, "PATCH", "/v1/admin/validators/"+id, `{"match":{"keys":null}}`)
		require.Nil(t, w.exported(t).Validators[0].Match, "all again")
	})
}

func TestAValidatorDeniesWhatIsNotLikeItByEveryPlace(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.yaml(t, validator("tls", "manifest", "deny", https, ", description: Every service speaks TLS"))
		const said = `validator "tls" (Every service speaks TLS): `
		p := w.refuse(t, shop, 400, "VALIDATOR_DENIED")
		require.Equal(t, []string{"/manifests/0/services/orders/endpoint " + said + noTLS}, details(p))
		require.Equal(t, 3, p.Errors[0].Line)
		require.Equal(t, details(p), details(w.refuse(t, shop, 400, "VALIDATOR_DENIED", dryRun)))

		p = w.wire.send(t, "POST", "/v1/admin/manifests", `{"manifest_key":"m","services":{"x":{"endpoint":"http://orders"},"y":{}}}`).refused(t, 400, "VALIDATOR_DENIED")
		require.Equal(t, []string{"/services/x/endpoint " + said + noTLS, "/services/y/endpoint " + said + "is missing"}, details(p))
		id := w.wire.create(t, "/v1/admin/manifests", `{"manifest_key":"m","services":{"x":{"endpoint":"https://x"}}}`)
		p = w.wire.send(t, "PATCH", "/v1/admin/manifests/"+id, `{"services":{"x":{"endpoint":"http://orders"}}}`).refused(t, 400, "VALIDATOR_DENIED")
		require.Equal(t, []string{"/services/x/endpoint " + said + noTLS}, details(p))
		require.Len(t, w.exported(t).Manifests, 1)

		// A forbidden key is none of a validator's business: it is refused as ever.
		w.yaml(t, validator("tls", "manifest", "warn", "{}", ""))
		w.wire.send(t, "POST", "/v1/admin/manifests", `{"manifest_key":"n","services":{"deploy":1}}`).refused(t, 400, "FORBIDDEN_KEYS")
		w.refuse(t, "manifests: [{manifest_key: n, services: {deploy: 1}}]", 400, "FORBIDDEN_KEYS")
	})
}

func TestAValidatorWarnsWhereItIsSaidTo(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.yaml(t, validator("tls", "manifest", "warn", https, ""))
		for _, how := range [][]string{{dryRun}, nil} {
			require.Equal(t, []string{"tls: manifest shop /services/orders/endpoint " + noTLS}, findings(w.yaml(t, shop, how...).Warnings))
		}
		require.Empty(t, w.yaml(t, shop).Warnings, "nothing changes")
		require.Len(t, w.yaml(t, shop, dryRun).Warnings, 1, "a dry run tells of all that there would be")

		got := w.wire.send(t, "POST", "/v1/admin/manifests", `{"manifest_key":"m","services":{"ü":{}}}`)
		require.Equal(t, 201, got.Status)
		require.Equal(t, []string{`validator "tls": manifest "m" at /services/\u00fc/endpoint: is missing`}, got.Header.Values("Metagate-Warning"))
		got = w.wire.send(t, "PATCH", "/v1/admin/manifests/key:m", `{"services":{"ü":null}}`)
		require.Equal(t, 200, got.Status)
		require.Empty(t, got.Header.Values("Metagate-Warning"))
	})
}

func TestAPacketValidatorSeesWhatAnOverrideMakes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.yaml(t, shop)
		w.yaml(t, validator("tls", "packet", "deny", https, ", match: {keys: [b*]}"))
		packet := func(principal string) string {
			return `validator "tls": the packet of "` + principal + `" at /services/orders/endpoint: ` + noTLS
		}
		p := w.refuse(t, "bindings: [{principal: b, profile: service, manifest: shop}]", 400, "VALIDATOR_DENIED")
		require.Equal(t, []string{"/bindings/0 " + packet("b")}, details(p))
		bound := w.wire.send(t, "GET", "/v1/admin/principals/key:b", "")
		id, _ := bound.member(t, "id").(string)
		rows, _ := list(t, a, "/v1/admin/bindings?active=true&principal_id="+id)
		p = w.wire.send(t, "PATCH", "/v1/admin/bindings/"+rows[0].id(), `{"overrides":{"services":null}}`).refused(t, 400, "VALIDATOR_DENIED")
		require.Equal(t, []string{" " + packet("b")}, details(p))

		// What a profile, a manifest or a secret makes of packets is seen, too.
		w.refuse(t, "manifests: [{manifest_key: shop, services: {orders: {endpoint: 'http://orders'}, late: {}}}]", 400, "VALIDATOR_DENIED")
		w.wire.send(t, "PATCH", "/v1/admin/manifests/key:shop", `{"services":{"late":{}}}`).refused(t, 400, "VALIDATOR_DENIED")
		w.yaml(t, validator("secrets", "packet", "deny", "{properties: {required_env: {maxItems: 1}}}", ""))
		p = w.wire.send(t, "POST", "/v1/admin/secret-refs", `{"secret_key":"t","ref_name":"T"}`).refused(t, 400, "VALIDATOR_DENIED")
		require.Len(t, p.Errors, 2, "a and c have one packet, b has another")
		w.wire.create(t, "/v1/admin/secret-refs", `{"secret_key":"t","ref_name":"T","status":"disabled"}`)
		w.wire.send(t, "PATCH", "/v1/admin/secret-refs/key:t", `{"status":"active"}`).refused(t, 400, "VALIDATOR_DENIED")
		w.wire.send(t, "PATCH", "/v1/admin/profiles/key:service", `{"policy":{"required_secrets":[]}}`)
		require.Equal(t, 200, w.wire.send(t, "PATCH", "/v1/admin/secret-refs/key:t", `{"status":"active"}`).Status)

		// Whom bootstrap refuses has no packet; who becomes active has.
		w.yaml(t, validator("max", "packet", "deny", "{properties: {policy: {properties: {max: {maximum: 5}}}}}", ""))
		w.wire.create(t, "/v1/admin/principals", `{"principal_key":"d","auth_subject":"d","status":"disabled"}`)
		w.wire.create(t, "/v1/admin/bindings", `{"principal_id":"key:d","profile_id":"key:service","manifest_id":"key:other","overrides":{"policy":{"max":9}}}`)
		p = w.wire.send(t, "PATCH", "/v1/admin/principals/key:d", `{"status":"active"}`).refused(t, 400, "VALIDATOR_DENIED")
		require.Equal(t, []string{` validator "max": the packet of "d" at /policy/max: maximum: got 9, want 5`}, details(p))
	})
}

func TestWhatANewValidatorFindsIsShownBeforeItIsAccepted(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.yaml(t, shop)
		found := `validator "tls": manifest "shop" at /services/orders/endpoint: ` + noTLS
		tls := `{"validator_key":"tls","on":"manifest","schema":{"properties":{"services":{"additionalProperties":{"required":["endpoint"],"properties":{"endpoint":{"pattern":"^https://"}}}}}}`
		for _, how := range [][]string{{dryRun}, nil} {
			require.Equal(t, []string{"/validators/0 " + found}, details(w.refuse(t, validator("tls", "manifest", "deny", https, ""), 400, "VALIDATOR_DENIED", how...)))
			require.Equal(t, []string{"/validators/0 validator \"tls\": the packet of \"a\" at /services/orders/endpoint: " + noTLS},
				details(w.refuse(t, validator("tls", "packet", "deny", https, ""), 400, "VALIDATOR_DENIED", how...)), "of several alike the first")
		}
		require.Equal(t, []string{" " + found}, details(w.wire.send(t, "POST", "/v1/admin/validators", tls+`}`).refused(t, 400, "VALIDATOR_DENIED")))

		// It may warn at first; then it can't be made to deny while there is something to deny.
		id := w.wire.create(t, "/v1/admin/validators", tls+`,"mode":"warn"}`)
		w.wire.send(t, "PATCH", "/v1/admin/validators/"+id, `{"mode":"deny"}`).refused(t, 400, "VALIDATOR_DENIED")
		got := w.wire.send(t, "PATCH", "/v1/admin/validators/"+id, `{"mode":"deny","accept_present":true}`)
		require.Equal(t, 200, got.Status, got.Body)
		require.Equal(t, []string{found}, got.Header.Values("Metagate-Warning"))

		// What is accepted stays, is told, keeps nobody from reading it, and is no excuse for more.
		require.Equal(t, []string{"tls: manifest shop /services/orders/endpoint " + noTLS}, findings(w.yaml(t, "{}", dryRun).Warnings))
		require.Equal(t, 200, w.wire.send(t, "GET", "/v1/admin/manifests/key:shop", "").Status)
		require.Equal(t, 200, w.wire.send(t, "PATCH", "/v1/admin/manifests/key:shop", `{"polling":{"n":1}}`).Status)
		require.Equal(t, 200, w.wire.send(t, "PATCH", "/v1/admin/validators/"+id, `{"description":"d"}`).Status)
		p := w.wire.send(t, "PATCH", "/v1/admin/manifests/key:shop", `{"services":{"late":{}}}`).refused(t, 400, "VALIDATOR_DENIED")
		require.Equal(t, []string{`/services/late/endpoint validator "tls" (d): is missing`}, details(p))
		w.wire.send(t, "PATCH", "/v1/admin/manifests/key:other", `{"services":{"orders":{"endpoint":"http://orders"}}}`).refused(t, 400, "VALIDATOR_DENIED")
		w.yaml(t, "manifests: [{manifest_key: shop, services: {orders: {endpoint: 'https://orders'}}}]")
		w.refuse(t, "manifests: [{manifest_key: shop, services: {orders: {endpoint: 'http://orders'}}}]", 400, "VALIDATOR_DENIED")

		require.Equal(t, 204, w.wire.send(t, "DELETE", "/v1/admin/validators/"+id, "").Status)
		w.yaml(t, "manifests: [{manifest_key: shop, services: {orders: {endpoint: 'http://orders'}}}]")
	})
}

func TestValidatorsArePartOfTheWorldAndOfItsHistory(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.yaml(t, shop)
		before := w.revision(t)
		plan := w.yaml(t, validator("tls", "manifest", "deny", https, ", accept_present: true, match: {keys: ['sh*']}, description: d"))
		require.Equal(t, []string{"create validator tls"}, did(plan))
		require.Len(t, plan.Warnings, 1)
		with := w.revision(t)
		world := w.exported(t)
		require.Len(t, world.Validators, 1)
		unchanged(t, w.apply(t, world, prune))

		other := worldsOf(t, apptest.Start(t, a.Config.DatabaseURL))
		unchanged(t, other.apply(t, world, prune))
		world.Validators[0].Schema = patch(`{"properties":{"services":{"maxProperties":7}}}`)
		require.Equal(t, []string{"update validator tls"}, did(w.apply(t, world)))
		require.Equal(t, []string{"delete validator tls"}, did(w.yaml(t, w.withoutValidators(t), prune)))

		then := apptest.Got(w.admin.ExportWorldWithResponse(t.Context(), &model.ExportWorldParams{Revision: &with}, accept(asJSON))).Is(t, 200)
		require.Len(t, then.JSON200.Validators, 1)
		diff := apptest.Got(w.admin.DiffRevisionsWithResponse(t.Context(), &model.DiffRevisionsParams{From: before, To: &with})).Is(t, 200).JSON200
		require.Equal(t, []string{"create validator tls"}, did(*diff))
		back := apptest.Got(w.admin.RollbackWorldWithResponse(t.Context(), nil, model.Rollback{Revision: with})).Is(t, 200).JSON200
		require.Equal(t, []string{"create validator tls"}, did(*back))
		require.Len(t, back.Warnings, 1, "it accepts what is present")

		// A rollback is a write like any other.
		w.yaml(t, "manifests: [{manifest_key: shop, services: {orders: {endpoint: 'https://orders'}}}]")
		p := apptest.Got(w.admin.RollbackWorldWithResponse(t.Context(), nil, model.Rollback{Revision: with})).Fails(t, 400, "VALIDATOR_DENIED")
		require.Contains(t, details(p)[0], "validator \"tls\" (d): "+noTLS)
	})
}

func (w worlds) withoutValidators(t *testing.T) string {
	t.Helper()
	text, _, found := strings.Cut(w.export(t, asYAML), "validators:")
	require.True(t, found)
	return text
}

func TestABootstrapKnowsNoValidator(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		packet := func() any {
			got := w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`)
			require.Equal(t, 200, got.Status)
			return got.member(t, "packet_etag")
		}
		before := packet()
		at, err := a.Store.GetRevision(t.Context(), "default")
		require.NoError(t, err)
		w.admin.create(t, "/v1/admin/validators", `{"validator_key":"none","on":"packet","accept_present":true,"schema":{"maxProperties":0}}`)
		after, err := a.Store.GetRevision(t.Context(), "default")
		require.NoError(t, err)
		require.Equal(t, at.Epoch, after.Epoch, "nothing that answers depend on has changed")
		require.NotEqual(t, at.Revision, after.Revision)
		require.Equal(t, before, packet())
	})
}
