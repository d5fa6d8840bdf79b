package packet

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestWhatIsStableIsCanonical(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{
			`{"startup":{},"packet_id":"p","packet_etag":"e","issued_at":"i","manifest_version":1, "b" : [ ] ,"a":{}}`,
			`{"a":{},"b":[]}`,
		},
		{
			`{"n":[12345678901234567890,1.10,-0,0.0e9,1e400,1E5,0.1,1e-7,9007199254740993,1.7976931348623157e308,5e-324,1e-999999999999,333333333.33333329,1e21,123456789012345680000]}`,
			`{"n":[12345678901234567890,1.1,0,0,1e400,100000,0.1,1e-7,9007199254740993,1.7976931348623157e+308,5e-324,1e-999999999999,333333333.33333329,1e+21,123456789012345680000]}`,
		},
		{
			`{"\ufb33":1,"\ud83d\ude00":2,"\u20ac":3,"":4,"a":5}`,
			"{\"\":4,\"a\":5,\"\u20ac\":3,\"\U0001f600\":2,\"\ufb33\":1}",
		},
		{
			`{"s":"\u0007\b\t\n\f\r\u001f\"\\\/<>&\u2028\u00e9","t":[true,false,null]}`,
			`{"s":"\u0007\b\t\n\f\r\u001f\"\\/<>&` + "\u2028\u00e9" + `","t":[true,false,null]}`,
		},
	} {
		got, err := Stable([]byte(c[0]))
		if err != nil || string(got) != c[1] {
			t.Errorf("%s\n got %s (%v)\nwant %s", c[0], got, err, c[1])
		}
	}
	for _, raw := range []string{``, `[]`, `{`, `{} {}`, `{"a":01}`} {
		if got, err := Stable([]byte(raw)); err == nil {
			t.Errorf("%s: %s", raw, got)
		}
	}
}

func TestASignatureHoldsForItsPacketAlone(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	keys := Keys{"k": public}
	says := Signed{Tenant: "default", Revision: 7, At: time.Unix(1_800_000_000, 0).UTC()}
	good := Sign(private, "k", []byte(`{}`), says)
	if got, err := keys.Verify(good, []byte(`{}`)); err != nil || got != says {
		t.Fatal(got, err)
	}
	if _, err := (Keys{"l": public}).Verify(good, []byte(`{}`)); !errors.Is(err, ErrUnknownKey) {
		t.Error(err)
	}
	head, sig, _ := strings.Cut(good, "..")
	for name, c := range map[string]struct {
		keys              Keys
		signature, stable string
	}{
		"another packet":    {keys, good, `{"a":1}`},
		"another key":       {Keys{"k": other}, good, `{}`},
		"another header":    {keys, head[:len(head)-4] + "fQ" + ".." + sig, `{}`},
		"a changed one":     {keys, good[:len(good)-4] + "AAAA", `{}`},
		"content inside":    {keys, head + ".e30." + sig, `{}`},
		"nothing":           {keys, "", `{}`},
		"another algorithm": {keys, "eyJhbGciOiJub25lIn0..", `{}`},
		"no base64":         {keys, "*..*", `{}`},
	} {
		if got, err := c.keys.Verify(c.signature, []byte(c.stable)); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestKeysAreReadFromAJWKSet(t *testing.T) {
	t.Parallel()
	keys, err := ReadKeys([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
		{"kty":"RSA","kid":"b","n":"x"},{"kty":"OKP","crv":"Ed25519","kid":"c","x":"short"},{"kty":"OKP","crv":"X25519","kid":"d","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	if err != nil || len(keys) != 1 || !keys.Vouches(Keys{"a": keys["a"], "z": nil}) || keys.Vouches(Keys{"b": keys["a"]}) || (Keys{}).Vouches(keys) {
		t.Error(keys, err)
	}
	if _, err := ReadKeys([]byte(`[]`)); err == nil {
		t.Error("an array is no JWK set")
	}
}

func FuzzStable(f *testing.F) {
	f.Add(`{"a":[1.10,{"b":"\u0007"}]}`)
	f.Fuzz(func(t *testing.T, raw string) {
		first, err := Stable([]byte(raw))
		if err != nil {
			return
		}
		again, err := Stable(first)
		if err != nil || !bytes.Equal(again, first) {
			t.Errorf("%q is not its own canonical form: %q (%v)", first, again, err)
		}
	})
}
