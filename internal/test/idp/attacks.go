package idp

import (
	"maps"
	"strings"
	"time"
)

// Attacks are tokens that must be refused, each by what is wrong with it: of an issuer
// whose token of these claims is good at now.
func (i *Issuer) Attacks(claims map[string]any, now time.Time) map[string]string {
	all := i.forged(claims)
	maps.Copy(all, i.lying(claims, now))
	return all
}

// forged are not what the issuer has signed, or are not read as it has meant them.
func (i *Issuer) forged(claims map[string]any) map[string]string {
	i.mu.Lock()
	k := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	good, evil := i.Token(claims), newKey(i.Alg)
	body := marshal(claims)
	head, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	header := func(change map[string]any) []byte {
		return marshal(With(map[string]any{"alg": i.Alg, "kid": k.kid, "typ": "JWT"}, change))
	}
	own := func(change map[string]any) string { return seal(k.signer, header(change), body) }
	theirs := func(change map[string]any) string { return seal(evil, header(change), body) }
	other := "RS256"
	if i.Alg == other {
		other = "ES256"
	}
	admin := marshal(With(claims, map[string]any{"sub": "admin"}))
	all := map[string]string{
		"two segments":              head + "." + payload,
		"no signature":              head + "." + payload + ".",
		"an extra segment":          good + ".e30",
		"a JWE":                     good + ".e30.e30",
		"cut short":                 good[:len(good)-4],
		"padded":                    good + "=",
		"the JSON serialization":    `{"payload":"` + payload + `","protected":"` + head + `","signature":"` + signature + `"}`,
		"over 16 KiB":               good + strings.Repeat("A", 16<<10),
		"alg none":                  b64(header(map[string]any{"alg": "none"})) + "." + payload + ".",
		"alg none, with signature":  b64(header(map[string]any{"alg": "none"})) + "." + payload + "." + signature,
		"alg None":                  own(map[string]any{"alg": "None"}),
		"alg empty":                 own(map[string]any{"alg": ""}),
		"alg missing":               own(map[string]any{"alg": nil}),
		"alg a list":                own(map[string]any{"alg": []string{i.Alg}}),
		"alg in lower case":         own(map[string]any{"alg": strings.ToLower(i.Alg)}),
		"alg of another kind":       seal(newKey(other), header(map[string]any{"alg": other}), body),
		"alg of another, own key":   own(map[string]any{"alg": other}),
		"crit":                      own(map[string]any{"crit": []string{"exp"}, "exp": 1}),
		"crit empty":                own(map[string]any{"crit": []string{}}),
		"b64 false":                 own(map[string]any{"b64": false}),
		"enc":                       own(map[string]any{"enc": "A256GCM"}),
		"zip":                       own(map[string]any{"zip": "DEF"}),
		"nested":                    own(map[string]any{"cty": "JWT"}),
		"a token as the payload":    seal(k.signer, header(nil), []byte(good)),
		"a list as the payload":     seal(k.signer, header(nil), []byte(`[1]`)),
		"header twice alg":          seal(k.signer, []byte(`{"alg":"`+i.Alg+`","\u0061lg":"`+i.Alg+`","kid":"`+k.kid+`"}`), body),
		"header and more":           seal(k.signer, append(header(nil), "{}"...), body),
		"claims twice":              seal(k.signer, header(nil), append([]byte(`{"sub":"admin",`), body[1:]...)),
		"kid a number":              own(map[string]any{"kid": 1}),
		"kid of nobody":             theirs(map[string]any{"kid": "nobody"}),
		"kid a path":                theirs(map[string]any{"kid": "../../../../dev/null"}),
		"kid SQL":                   theirs(map[string]any{"kid": "' OR '1'='1"}),
		"another key":               theirs(nil),
		"another key, no kid":       theirs(map[string]any{"kid": nil}),
		"a key that it brings":      theirs(map[string]any{"jwk": publicJWK(evil)}),
		"a key set that it names":   theirs(map[string]any{"jku": "https://evil.example/keys"}),
		"a certificate it names":    theirs(map[string]any{"x5u": "https://evil.example/cert.pem"}),
		"a changed payload":         head + "." + b64(admin) + "." + signature,
		"a changed header":          b64(header(map[string]any{"x": 1})) + "." + payload + "." + signature,
		"an empty signature's byte": head + "." + payload + ".AA",
		"a signature of zeros":      head + "." + payload + "." + strings.Repeat("A", len(signature)),
	}
	for what, secret := range map[string]string{
		"its PEM": publicPEM(k.signer), "its PEM, trimmed": strings.TrimSpace(publicPEM(k.signer)),
		"its JWK": string(marshal(publicJWK(k.signer))), "its key set": string(i.KeySet()), "nothing": "",
	} {
		all["HS256 with "+what+" as secret"] = sealHMAC(secret, header(map[string]any{"alg": "HS256"}), body)
		all["HMAC of "+what+" under its alg"] = sealHMAC(secret, header(nil), body)
	}
	return all
}

// lying are well signed, and their claims are not right.
func (i *Issuer) lying(claims map[string]any, now time.Time) map[string]string {
	all := map[string]string{}
	for what, change := range map[string]map[string]any{
		"exp missing":             {"exp": nil},
		"exp null":                {"exp": (*int)(nil)},
		"exp now":                 {"exp": now.Unix()},
		"exp ten seconds ago":     {"exp": now.Unix() - 10},
		"exp 0":                   {"exp": 0},
		"exp negative":            {"exp": -1},
		"exp in milliseconds":     {"exp": now.Add(time.Hour).UnixMilli()},
		"exp of no date":          {"exp": "never"},
		"nbf in a minute":         {"nbf": now.Unix() + 60},
		"iat in a minute":         {"iat": now.Unix() + 60},
		"sub missing":             {"sub": nil},
		"sub empty":               {"sub": ""},
		"sub a number":            {"sub": 7},
		"sub a list":              {"sub": []any{claims["sub"]}},
		"sub with a line break":   {"sub": "a\nb"},
		"SUB for sub":             {"sub": nil, "SUB": claims["sub"]},
		"aud missing":             {"aud": nil},
		"aud empty":               {"aud": ""},
		"aud another":             {"aud": "another"},
		"aud ours and more":       {"aud": "metagate2"},
		"aud of no service":       {"aud": []string{}},
		"aud of others":           {"aud": []string{"a", "b"}},
		"aud a list of all kinds": {"aud": []any{"metagate", 1}},
		"iss of nobody":           {"iss": "https://nobody.example"},
		"iss with a slash":        {"iss": i.URL + "/"},
		"iss in capitals":         {"iss": strings.ToUpper(i.URL) + "X"},
		"iss a list":              {"iss": []string{i.URL}},
	} {
		all[what] = i.Token(With(claims, change))
	}
	if claims["iss"] != nil {
		all["iss missing"] = i.Token(With(claims, map[string]any{"iss": nil}))
	}
	return all
}
