package identity_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/legivellum/metagate/internal/identity"
)

const hsHeader = `{"alg":"HS256"}`

func TestForgedTokensAreRefused(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, identity.JWTConfig{Secret: secret})
	ok := claims(nil)
	good := hs256(hsHeader, ok, secret)
	head, tail, _ := strings.Cut(good, ".")
	body, mac, _ := strings.Cut(tail, ".")
	unsigned := func(alg string) string { return b64(`{"alg":`+alg+`}`) + "." + body + "." }

	for name, c := range map[string]struct{ token, reason string }{
		"empty":                     {"", "empty"},
		"one word":                  {"token", "segments"},
		"dots alone":                {"..", "segment"},
		"three dots":                {"...", "segments"},
		"an extra segment":          {good + ".e30", "segments"},
		"a trailing dot":            {good + ".", "segments"},
		"a JWE":                     {good + ".e30.e30", "segments"},
		"two segments":              {head + "." + body, "segments"},
		"truncated":                 {good[:len(good)-4], "jwt:"},
		"no signature":              {head + "." + body + ".", "segment"},
		"huge":                      {good + strings.Repeat("A", 16<<10), "16 KiB"},
		"huge and all dots":         {strings.Repeat(".", 16<<10), "segments"},
		"padded":                    {good + "=", "base64url"},
		"standard base64":           {head + "." + body + "." + base64.RawStdEncoding.EncodeToString([]byte{0xfb, 0xff, 0xfe}), "base64url"},
		"stray trailing bits":       {head + "." + body + "." + mac[:len(mac)-1] + nextRune(mac), "base64url"},
		"a line break":              {head + "\n." + body + "." + mac, "segments"},
		"a space before":            {" " + good, "base64url"},
		"the JSON serialization":    {`{"payload":"` + body + `","protected":"` + head + `","signature":"` + mac + `"}`, "segments"},
		"alg none":                  {unsigned(`"none"`), "segment"},
		"alg none with a signature": {b64(`{"alg":"none"}`) + "." + body + "." + mac, "alg"},
		"alg None":                  {b64(`{"alg":"None"}`) + "." + body + ".AA", "alg"},
		"alg NONE, well signed":     {hs256(`{"alg":"NONE"}`, ok, secret), "alg"},
		"alg nOnE, well signed":     {hs256(`{"alg":"nOnE"}`, ok, secret), "alg"},
		"alg empty":                 {hs256(`{"alg":""}`, ok, secret), "alg"},
		"alg null":                  {hs256(`{"alg":null}`, ok, secret), "alg"},
		"alg a list":                {hs256(`{"alg":["HS256"]}`, ok, secret), "alg"},
		"alg missing":               {hs256(`{}`, ok, secret), "alg"},
		"alg in lower case":         {hs256(`{"alg":"hs256"}`, ok, secret), "alg"},
		"ALG as the member":         {hs256(`{"ALG":"HS256"}`, ok, secret), "alg"},
		"alg twice":                 {hs256(`{"alg":"HS256","\u0061lg":"HS256"}`, ok, secret), "twice"},
		"alg HS512, same secret":    {sign(t, "HS512", []byte(secret)), "alg"},
		"alg RS256":                 {sign(t, "RS256", rsa2048()), "alg"},
		"header a list":             {hs256(`["HS256"]`, ok, secret), "object"},
		"header not JSON":           {hs256(`alg`, ok, secret), "object"},
		"header cut short":          {hs256(`{"alg":"HS256"`, ok, secret), "object"},
		"header and more":           {hs256(hsHeader+`{}`, ok, secret), "object"},
		"more that isn't signed":    {b64(hsHeader+`{}`) + "." + body + "." + mac, "object"},
		"a space that isn't signed": {b64(" "+hsHeader) + "." + body + "." + mac, "object"},
		"a space that isn't, after": {b64(hsHeader+" ") + "." + body + "." + mac, "object"},
		"respelt in base64":         {strings.NewReplacer("-", "+", "_", "/").Replace(hs256(hsHeader, claims(set{"sub": "???>>>"}), secret)), "segments"},
		"header with a last comma":  {hs256(`{"alg":"HS256",}`, ok, secret), "object"},
		"header not UTF-8":          {hs256("{\"alg\":\"HS256\",\"x\":\"\xff\"}", ok, secret), "object"},
		"crit":                      {hs256(`{"alg":"HS256","crit":["exp"],"exp":1}`, ok, secret), "crit"},
		"crit empty":                {hs256(`{"alg":"HS256","crit":[]}`, ok, secret), "crit"},
		"b64 false":                 {hsSegments(b64(`{"alg":"HS256","b64":false,"crit":["b64"]}`), body, secret), "crit"},
		"b64 false without crit":    {hs256(`{"alg":"HS256","b64":false}`, ok, secret), "b64"},
		"an unencoded payload":      {hsSegments(b64(`{"alg":"HS256","b64":false}`), ok, secret), ""},
		"enc":                       {hs256(`{"alg":"HS256","enc":"A256GCM"}`, ok, secret), "enc"},
		"zip":                       {hs256(`{"alg":"HS256","zip":"DEF"}`, ok, secret), "zip"},
		"nested":                    {hs256(`{"alg":"HS256","cty":"jwt"}`, b64(good), secret), "nested"},
		"a token as the payload":    {hs256(hsHeader, good, secret), "object"},
		"kid a number":              {hs256(`{"alg":"HS256","kid":1}`, ok, secret), "kid"},
		"another secret":            {hs256(hsHeader, ok, secret+"x"), "signature"},
		"the default secret":        {hs256(hsHeader, ok, identity.DefaultSecret), "signature"},
		"no secret":                 {hs256(hsHeader, ok, ""), "signature"},
		"a changed payload":         {head + "." + b64(claims(map[string]any{"sub": "admin"})) + "." + mac, "signature"},
		"a changed header":          {b64(`{"alg":"HS256","typ":"JWT"}`) + "." + body + "." + mac, "signature"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, v, c.token, c.reason)
		})
	}
}

// nextRune gives the last character of a base64url text another spelling of the
// same bytes: the two bits that it carries too many are not zero.
func nextRune(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, s[len(s)-1])+1])
}
