package issuers

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/idp"
)

func TestAFileThatIsWrongIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	const head = "issuers:\n- name: a\n  issuer: https://idp.example\n  audience: metagate\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty":                       {"", "the document is empty"},
		"no YAML":                     {"issuers: [", "line 1"},
		"no object":                   {"[]", "must be"},
		"no list":                     {"issuers: {}", "line 1, column 1: issuers: is not of the kind"},
		"none":                        {"issuers: []", "names none"},
		"a member that is misspelt":   {"isuers: []", "no such member: did you mean issuers?"},
		"one of an issuer":            {head + "  audiance: b\n", "line 5, column 3: issuers/0/audiance: no such member: did you mean audience?"},
		"a member twice":              {head + "  audience: b\n", "duplicate"},
		"no name":                     {"issuers:\n- {issuer: a, audience: b}", "line 2, column 3: issuers/0/name: \"\" is no name"},
		"a name with a colon":         {"issuers: [{name: 'a:b'}]", "is no name"},
		"a name in capitals":          {"issuers: [{name: A}]", "is no name"},
		"the name spiffe":             {"issuers: [{name: spiffe}]", "is no name"},
		"a name twice":                {head + "- {name: a, issuer: https://b, audience: b}", "line 5, column 4: issuers/1/name: another issuer is named \"a\""},
		"an iss twice":                {head + "- {name: b, issuer: https://idp.example, audience: b}", "issuers/1/issuer: a has that iss, too"},
		"no audience":                 {"issuers: [{name: a, issuer: https://b}]", "issuers/0/audience: missing: without it"},
		"an audience of nothing":      {"issuers: [{name: a, issuer: https://b, audience: ['']}]", "audience: missing"},
		"an audience that is no text": {"issuers: [{name: a, issuer: https://b, audience: 7}]", "audience: is not of the kind"},
		"no issuer":                   {"issuers: [{name: a, audience: b, jwks_uri: https://b}]", "issuers/0/issuer: missing"},
		"an issuer over http":         {"issuers: [{name: a, audience: b, issuer: http://idp.example}]", "is not https"},
		"an issuer that is no URL":    {"issuers: [{name: a, audience: b, issuer: kubernetes/serviceaccount}]", "is no URL of https"},
		"keys over http":              {head + "  jwks_uri: http://idp.example/keys\n", "jwks_uri: \"http://idp.example/keys\" is not https"},
		"keys from a file URL":        {head + "  jwks_uri: file:///etc/passwd\n", "is no URL of https"},
		"a password in a URL":         {head + "  jwks_uri: https://u:p@idp.example/keys\n", "is no URL of https"},
		"keys from two places":        {head + "  jwks_uri: https://a\n  jwks_file: b\n", "jwks_file is set, too"},
		"a bundle without a domain":   {head + "  spiffe_bundle: b.json\n", "needs spiffe_trust_domain"},
		"a domain of no kind":         {"issuers: [{name: a, audience: b, spiffe_trust_domain: 'spiffe://x', spiffe_bundle: b}]", "is no trust domain"},
		"a domain without keys":       {"issuers: [{name: a, audience: b, spiffe_trust_domain: x}]", "give spiffe_bundle"},
		"a key file that isn't there": {head + "  jwks_file: none.json\n", "none.json: no such file"},
		"a CA for a file":             {head + "  jwks_file: none.json\n  ca_file: ca.pem\n", "are for keys that are fetched"},
		"alg none":                    {head + "  algorithms: [RS256, none]\n", "line 5, column 23: issuers/0/algorithms/1: \"none\" is none of RS256"},
		"alg HS256":                   {head + "  algorithms: [HS256]\n", "algorithms/0: \"HS256\""},
		"a subject of no claim":       {head + "  subject: everybody\n", "subject: names no claim"},
		"a subject with a lone $":     {head + "  subject: a$b${sub}\n", "write $$ for one"},
		"a subject that doesn't end":  {head + "  subject: ${sub\n", "write $$ for one"},
		"a subject of a bad pointer":  {head + "  subject: ${/a~2}\n", "is no JSON Pointer"},
		"a subject of another's":      {head + "  subject: 'b:${sub}'\n- {name: b, issuer: https://b, audience: b}", "begins with b:, which is another issuer's"},
		"a SPIFFE ID as the subject":  {head + "  subject: 'spiffe://x/${sub}'\n", "begins with spiffe://"},
		"a claim that is an object":   {head + "  required_claims: {a: {b: c}}\n", "required_claims/a: must be a value"},
		"a claim of no value":         {head + "  required_claims: {/a/b: []}\n", "required_claims/~1a~1b: is an empty list"},
		"a claim that is null":        {head + "  required_claims: {a: null}\n", "must be a value"},
		"a claim that is not there":   {head + "  required_claims: {a: {present: false}}\n", "must be a value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New(Config{File: write(t, "issuers.yaml", c.text), Fallback: nobody{}})
			require.ErrorContains(t, err, "ISSUERS_FILE ")
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := New(Config{File: "none.yaml", Fallback: nobody{}})
	require.ErrorContains(t, err, `ISSUERS_FILE "none.yaml": no such file`)
	_, err = New(Config{File: write(t, "issuers.yaml", head), Taken: "https://idp.example", Fallback: nobody{}})
	require.ErrorContains(t, err, "issuers/0/issuer: it is JWT_ISSUER, too")
}

func TestJSONIsAsGoodAsYAML(t *testing.T) {
	t.Parallel()
	newSet(t, `{"issuers": [{"name": "a", "issuer": "https://idp.example", "audience": ["b", "c"], "algorithms": ["ES256"]}]}`, nil)
	_, err := New(Config{File: write(t, "issuers.json", "{\"issuers\": [\n  {\"nam\": \"a\"}]}"), Fallback: nobody{}})
	require.ErrorContains(t, err, "line 2, column 4: issuers/0/nam: no such member: did you mean name?")
}

func TestHTTPIsGoodOnThisHostAndUnderDebug(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"http://127.0.0.1:5556/dex", "http://localhost:1", "http://[::1]:1"} {
		newSet(t, "issuers: [{name: a, audience: b, issuer: '"+url+"'}]", nil)
	}
	file := write(t, "issuers.yaml", "issuers: [{name: a, audience: b, issuer: 'http://idp.example'}]")
	_, err := New(Config{File: file, Plain: true, Fallback: nobody{}})
	require.NoError(t, err)
}

func TestKeyFilesAreLookedForBesideTheFile(t *testing.T) {
	t.Parallel()
	i := idp.New("ES256")
	file := write(t, "issuers.yaml", "issuers: [{name: a, audience: metagate, issuer: 'https://idp.example', jwks_file: keys.json, algorithms: [ES256]}]")
	write(t, strings.TrimSuffix(file, "issuers.yaml")+"keys.json", string(i.KeySet()))
	s, err := New(Config{File: file, Fallback: nobody{}})
	require.NoError(t, err)
	require.Equal(t, "a:indexer", accepted(t, s, i.Token(good(nil))).AuthSubject)
}

func TestIssuersThatMaySpeakForTheSamePrincipalAreNamed(t *testing.T) {
	t.Parallel()
	const a, b = "- {name: a, issuer: https://a, audience: m, subject: '", "'}\n- {name: b, issuer: https://b, audience: m, subject: '"
	for subjects, want := range map[[2]string][]string{
		{"${sub}", "${sub}"}:        {"a and b"},
		{"x:${sub}", "x:${email}"}:  {"a and b"},
		{"${sub}", "x:${sub}"}:      {"a and b"},
		{"a:${sub}", "${sub}"}:      nil, // b may not
		{"x:${sub}", "y:${sub}"}:    nil,
		{"a:${sub}", "b:${a}/${b}"}: nil,
		{"team-${sub}", "te${sub}"}: {"a and b"},
	} {
		s := newSet(t, "issuers:\n"+a+subjects[0]+b+subjects[1]+"'}", nil)
		require.Equal(t, want, s.Overlaps(), "%v", subjects)
	}
}
