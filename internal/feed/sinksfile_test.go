package feed

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const goodSecret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

func readSinks(t *testing.T, text string) (Sinks, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sinks.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return ReadSinks(path)
}

func TestWhatIsWrongInSINKS_FILEIsToldWithItsPlace(t *testing.T) {
	t.Parallel()
	one := func(members string) string {
		return "sinks:\n- {name: pager, kind: webhook, secret: " + goodSecret + ", " + members + "}"
	}
	for text, says := range map[string]string{
		"":                            "the document is empty",
		"[]":                          "must be an object",
		"sinks: []":                   "leave SINKS_FILE unset",
		"sinks: 7":                    "line 1, column 1: sinks: is not of the kind",
		"sink: []":                    "no such member",
		one("url: ftp://x"):           "sinks/0/url: must be a URL of https",
		one("url: 'https://'"):        "must be a URL",
		one("url: http://x.example/"): "must be https, unless allow_private",
		one("url: 'https://:443/x'"):  "sinks/0/url: must be a URL of https",
		one("url: 'https://x:99999'"): "sinks/0/url: 99999 is no port",
		one("url: 'https://x:0/'"):    "sinks/0/url: 0 is no port",
		one("url: https://x.example, typs: [startup.late]"):                                                                    `typs: no such member: did you mean types?`,
		one("url: https://x.example, types: [startup.lost]"):                                                                   "sinks/0/types/0: \"startup.lost\" is no type",
		one("url: https://x.example, digest_above: 0"):                                                                         "digest_above: must be between",
		one("url: https://x.example, token: t"):                                                                                "are for kind receiptgate",
		"allowed_hosts: [y.example]\n" + one("url: https://x.example"):                                                         "line 3, column",
		one("url: https://x.example") + "\n- {name: pager, kind: webhook, url: https://y.example, secret: " + goodSecret + "}": "sinks/1/name: pager is another",
		"sinks:\n- {name: Pager, kind: webhook, url: https://x.example, secret: " + goodSecret + "}":                           "must be 1 to 63",
		"sinks:\n- {name: receiptgate, kind: webhook, url: https://x.example, secret: " + goodSecret + "}":                     "of no other",
		"sinks:\n- {name: ledger, kind: receiptgate, url: https://x.example}":                                                  "of no other",
		"sinks:\n- {name: receiptgate, kind: receiptgate, url: https://x.example, types: [startup.late]}":                      "are for kind webhook",
		"sinks:\n- {name: receiptgate, kind: receiptgate, url: https://x.example, token: t, token_file: /dev/null}":            "sinks/0/token_file: is beside token",
		"sinks:\n- {name: receiptgate, kind: receiptgate, url: https://x.example, token_file: /dev/null}":                      "sinks/0/token_file: there is no token in it",
		"sinks:\n- {name: a, kind: mail, url: https://x.example}":                                                              "kind: must be webhook",
		"sinks:\n- {name: a, kind: webhook, url: https://x.example}":                                                           "secret or secret_file is missing",
		"sinks:\n- {name: a, kind: webhook, url: https://x.example, secret: whsec_short}":                                      "secret: a secret must be whsec_",
		"sinks:\n- {name: a, kind: webhook, url: https://x.example, secret: AAAA}":                                             "must be whsec_",
		"sinks:\n- {name: a, kind: webhook, url: https://x.example, secret_file: none}":                                        "secret_file: ",
	} {
		_, err := readSinks(t, text)
		require.ErrorContains(t, err, says, text)
		require.ErrorContains(t, err, "SINKS_FILE", text)
		require.NotContains(t, err.Error(), "\n", text)
	}
	_, err := ReadSinks("nowhere.yaml")
	require.ErrorContains(t, err, `SINKS_FILE "nowhere.yaml": no such file`)
}

func TestSinksAreReadFromTheirFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte(goodSecret+"\n"+goodSecret+"\n"), 0o600))
	path := filepath.Join(dir, "sinks.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
allowed_hosts: ["*.example", 10.0.0.7]
sinks:
- {name: pager, kind: webhook, url: "https://hooks.Pager.example/v1?x=1", secret_file: secret, types: [startup.overdue], tenants: [default], digest_above: 7}
- {name: lab, kind: webhook, url: "http://10.0.0.7:9000/", secret: [`+goodSecret+`], allow_private: true}
- {name: receiptgate, kind: receiptgate, url: https://ledger.example, token: t, source_system: mg}
`), 0o600))
	s, err := ReadSinks(path)
	require.NoError(t, err)
	require.Equal(t, &LedgerConfig{"https://ledger.example", "t", "mg"}, s.Ledger)
	require.Len(t, s.Webhooks, 2)
	require.Equal(t, []int{7, digestAbove}, []int{s.Webhooks[0].DigestAbove, s.Webhooks[1].DigestAbove})
	keys, err := s.Webhooks[0].keys()
	require.NoError(t, err)
	require.Len(t, keys, 2)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte(goodSecret), 0o600))
	keys, err = s.Webhooks[0].keys()
	require.NoError(t, err)
	require.Len(t, keys, 1, "it is read again")
}
