package bootstrap_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// odd is a document that a detour over doubles, maps or another escaping would change.
const odd = `{"z":12345678901234567890,"a":1.10,"huge":1e400,"tiny":-1E-400,"zero":-0.0,"e":{},"l":[{},[]],"":null,` +
	`"ünï":"\u2028</script>&","\u0001":"\ud83d\ude00\ufb33","s":"1.10","deep":{"a":{"b":{}}}}`

// worldOf has doc for each section.
func worldOf(doc, overrides string, secrets ...store.SecretRef) bootstrap.World {
	d := store.JSON(doc)
	return bootstrap.World{
		Profile:   store.Profile{ProfileKey: "profile", Capabilities: d, Policy: d, StartupSLASeconds: 60},
		Manifest:  store.Manifest{ManifestKey: "manifest", Version: 3, Environment: d, Services: d, MemoryMap: d, Polling: d, Schemas: d},
		Overrides: store.JSON(overrides), Secrets: secrets,
	}
}

func compile(t *testing.T, w bootstrap.World) *bootstrap.Blueprint {
	t.Helper()
	b, err := bootstrap.Compile(w)
	require.NoError(t, err)
	return b
}

// requirePacket composes a packet, reads it strictly, and makes its etag again
// from its text.
func requirePacket(t *testing.T, b *bootstrap.Blueprint, principal, component string) model.WelcomePacket {
	t.Helper()
	issued := time.Date(2026, 7, 1, 12, 0, 0, 120_000, time.UTC)
	birth := bootstrap.Birth{
		PacketID: uuid.New(), StartupID: uuid.New(), PrincipalKey: principal, ComponentKey: component,
		Etag: b.Etag(principal, component), IssuedAt: issued, DeadlineAt: issued.Add(b.SLA),
	}
	text := b.AppendPacket(nil, birth, bootstrap.ByREST)
	require.NoError(t, doc.Check(text), "%s", text)
	var p model.WelcomePacket
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&p), "%s", text)
	require.False(t, dec.More())
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &members))
	require.Equal(t, names(t, p), names(t, members), "openapi.yaml's members, all of them")
	for _, volatile := range []string{"packet_id", "packet_etag", "issued_at", "manifest_version", "startup"} {
		delete(members, volatile)
	}
	stable, err := json.Marshal(members)
	require.NoError(t, err)
	stable, err = doc.Canonical(stable)
	require.NoError(t, err)
	sum := sha256.Sum256(stable)
	require.Equal(t, hex.EncodeToString(sum[:]), p.PacketEtag, "%s", stable)
	require.Equal(t, birth.PacketID, p.PacketID)
	require.Equal(t, birth.StartupID, p.Startup.StartupID)
	require.Equal(t, model.StartupStatusOPEN, p.Startup.Status)
	require.True(t, issued.Equal(p.IssuedAt))
	require.True(t, birth.DeadlineAt.Equal(p.Startup.DeadlineAt))
	return p
}

// names are the members of v as JSON, sorted.
func names(t *testing.T, v any) []string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &members))
	var out []string
	for name := range members {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func TestAWorldThatCantBeComposedIsNoBlueprint(t *testing.T) {
	t.Parallel()
	for what, w := range map[string]bootstrap.World{
		"overrides that are no object":        worldOf(`{}`, `[]`),
		"overrides that are no JSON":          worldOf(`{}`, `{`),
		"a section that is no JSON":           worldOf(`{"a":`, `{}`),
		"allowed_components that is no list":  worldOf(`{"allowed_components":"c"}`, `{}`),
		"allowed_components with a null":      worldOf(`{"allowed_components":["c",null]}`, `{}`),
		"an override that closes nothing":     worldOf(`{}`, `{"capabilities":{"allowed_components":{}}}`),
		"a forbidden key":                     worldOf(`{"a":[{"Ｔasks":1}]}`, `{}`),
		"a forbidden key by way of overrides": worldOf(`{}`, `{"services":{"a":{"deploy":{}}}}`),
	} {
		_, err := bootstrap.Compile(w)
		require.Error(t, err, what)
	}
}

func TestThePacketIsWhatOpenAPISaysAndItsEtagIsThatOfItsStableText(t *testing.T) {
	t.Parallel()
	secrets := []store.SecretRef{
		{SecretKey: "b", RefKind: "env", RefName: "B", RefMeta: store.JSON(`{"n":1.10,"e":{}}`)},
		{SecretKey: "a", RefKind: "file", RefName: "/run/<a>&\u2028", RefMeta: store.JSON(`{}`)},
	}
	etags := map[string]string{}
	for what, w := range map[string]bootstrap.World{
		"an empty world":             worldOf(`{}`, `{}`),
		"with secrets":               worldOf(`{}`, `{}`, secrets...),
		"odd documents":              worldOf(odd, `{}`, secrets...),
		"odd documents in overrides": worldOf(`{}`, `{"services":`+odd+`,"policy":`+odd+`}`, secrets...),
		"space between tokens":       worldOf(" {\n\"a\" :\t[ 1 , 2 ] } ", ` { "policy" : { "b" : 1 } } `),
		"members in another order":   worldOf(`{"z":{"b":1,"a":2},"a":1}`, `{}`),
		"all taken out":              worldOf(`{"z":{"b":1}}`, `{"services":{"z":null},"policy":{"z":{"b":null}}}`),
	} {
		b := compile(t, w)
		for _, pair := range [][2]string{{"p", "c"}, {"p", "d"}, {"c", "p"}, {`"\</&>` + "\u2028\x01é😀", `c","principal_key":"p`}, {"", ""}} {
			p := requirePacket(t, b, pair[0], pair[1])
			require.Equal(t, pair[0], p.PrincipalKey, what)
			require.Equal(t, pair[1], p.ComponentKey, what)
			name := what + " for " + pair[0] + " and " + pair[1]
			require.NotContains(t, etags, p.PacketEtag, name)
			etags[p.PacketEtag] = name
			require.Equal(t, "manifest", p.Manifest)
			require.EqualValues(t, 3, p.ManifestVersion)
			require.Equal(t, time.Minute, p.Startup.DeadlineAt.Sub(p.IssuedAt))
		}
	}
}

func TestTheOrderOfMembersAndTheSpellingOfTextAreNotPartOfTheEtag(t *testing.T) {
	t.Parallel()
	etag := compile(t, worldOf(`{"a":{"x":1,"y":"é"},"b":[]}`, `{}`)).Etag("p", "c")
	for _, same := range []string{`{"b":[],"a":{"y":"\u00e9","x":1}}`, "{ \"b\": [ ],\n\"a\":{\"y\":\"é\",\"x\":1.0}}"} {
		require.Equal(t, etag, compile(t, worldOf(same, `{}`)).Etag("p", "c"), same)
	}
	for _, other := range []string{`{"a":{"x":1,"y":"é"},"b":{}}`, `{"a":{"x":"1","y":"é"},"b":[]}`, `{"a":{"x":1,"y":"é"},"b":[],"c":{}}`} {
		require.NotEqual(t, etag, compile(t, worldOf(other, `{}`)).Etag("p", "c"), other)
	}
}

func TestAPacketIsNotEscapedForHTML(t *testing.T) {
	t.Parallel()
	secret := store.SecretRef{SecretKey: "s", RefKind: "env", RefName: "A&B", RefMeta: store.JSON(`{"<a>":"&"}`)}
	b := compile(t, worldOf(`{"endpoint":"http://s/?a=1&b=<2>"}`, `{}`, secret))
	requirePacket(t, b, "p", "c")
	text := string(b.AppendPacket(nil, bootstrap.Birth{}, bootstrap.ByREST))
	require.Contains(t, text, `"services":{"endpoint":"http://s/?a=1&b=<2>"}`)
	require.Contains(t, text, `"ref_meta":{"<a>":"&"},"ref_name":"A&B"`)
	require.NotContains(t, text, `\u00`)
}

func TestABlueprintIsSharedByManyAtOnce(t *testing.T) {
	t.Parallel()
	b := compile(t, worldOf(odd, `{}`))
	etag := b.Etag("p", "c")
	done := make(chan string)
	for range 50 {
		go func() {
			b.AppendPacket(nil, bootstrap.Birth{PrincipalKey: "q", ComponentKey: "d"}, bootstrap.ByREST)
			b.Etag("q", "d")
			done <- b.Etag("p", "c")
		}()
	}
	for range 50 {
		require.Equal(t, etag, <-done)
	}
}

func TestPatternsSayWhichComponentsMayStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		allowed, component string
		permitted          bool
		example            string
	}{
		{`null`, "any", true, "wish"},
		{`[]`, "any", true, "wish"},
		{`["c"]`, "c", true, "c"},
		{`["c"]`, "C", false, "c"},
		{`["c"]`, "cc", false, "c"},
		{`["c","d"]`, "d", true, "c"},
		{`["*"]`, "any", true, "wish"},
		{`["w_*"]`, "w_", true, "w_"},
		{`["w_*"]`, "w_1/*", true, "w_"},
		{`["w_*"]`, "my_w_1", false, "w_"},
		{`["w_*"]`, "w", false, "w_"},
		{`["*_w"]`, "my_w", true, "_w"},
		{`["*_w"]`, "my_w1", false, "_w"},
		{`["a*b*a"]`, "aba", true, "aba"},
		{`["a*b*a"]`, "aXbYa", true, "aba"},
		{`["a*b*a"]`, "aa", false, "aba"},
		{`["a*a"]`, "a", false, "aa"}, // one a can't be both ends
		{`["a.c"]`, "abc", false, "a.c"},
		{`["**","x"]`, "any", true, "wish"},
		{`["w?sh","wish"]`, "wash", false, "wish"},
	} {
		b := compile(t, worldOf(`{"allowed_components":`+c.allowed+`}`, `{}`))
		err := b.Permits(c.component)
		require.Equal(t, c.permitted, err == nil, "%s and %s", c.allowed, c.component)
		if err != nil {
			require.True(t, errs.Is(err, errs.ComponentNotPermitted))
		}
		require.Equal(t, c.example, b.Example("wish"), c.allowed)
		require.NoError(t, b.Permits(b.Example("wish")), c.allowed)
	}
}

func TestOverridesDecideWhoMayStart(t *testing.T) {
	t.Parallel()
	w := worldOf(`{"allowed_components":["c"]}`, `{"capabilities":{"allowed_components":["d"]}}`)
	require.Error(t, compile(t, w).Permits("c"))
	require.NoError(t, compile(t, w).Permits("d"))
	w.Overrides = store.JSON(`{"capabilities":{"allowed_components":null}}`)
	require.NoError(t, compile(t, w).Permits("any"))
}

func TestSecretsAreOrderedByTheirBytesAndChosenByThePolicy(t *testing.T) {
	t.Parallel()
	var secrets []store.SecretRef
	for _, key := range []string{"b", "a", "_", "B", "a.b", "a-b", "a_b", "aB", "1", "é"} {
		secrets = append(secrets, store.SecretRef{SecretKey: key, RefKind: "env", RefName: key, RefMeta: store.JSON(`{}`)})
	}
	handed := slices.Clone(secrets)
	for policy, want := range map[string][]string{
		`{}`:                                         {"1", "B", "_", "a", "a-b", "a.b", "aB", "a_b", "b", "é"},
		`{"required_secrets":null}`:                  {"1", "B", "_", "a", "a-b", "a.b", "aB", "a_b", "b", "é"},
		`{"required_secrets":"a"}`:                   {"1", "B", "_", "a", "a-b", "a.b", "aB", "a_b", "b", "é"},
		`{"Required_Secrets":[]}`:                    {"1", "B", "_", "a", "a-b", "a.b", "aB", "a_b", "b", "é"},
		`{"required_secrets":[]}`:                    {},
		`{"required_secrets":["x"]}`:                 {},
		`{"required_secrets":[1,{}]}`:                {},
		`{"required_secrets":["b","a_b","B","b",1]}`: {"B", "a_b", "b"},
	} {
		p := requirePacket(t, compile(t, worldOf(policy, `{}`, secrets...)), "p", "c")
		got := []string{}
		for _, s := range p.RequiredEnv {
			got = append(got, s.SecretKey)
		}
		require.Equal(t, want, got, policy)
		require.Equal(t, handed, secrets, "what was handed in stays as it is")
	}
}
