package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// parseJWKS reads the keys of a JWK Set (RFC 7517 section 5) that fit the
// algorithm. Those of another kty, crv, alg or use are passed over, as the RFC
// asks. The whole set is refused when it holds secret material (a symmetric key
// or the private half of any), when a key that fits is broken, weak or repeats
// a kid, and when none fits.
func (a algorithm) parseJWKS(data []byte) (*keySet, error) {
	object, err := parseObject(data)
	if err != nil {
		return nil, fmt.Errorf("not a JWK Set: %w", err)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(object["keys"], &list); err != nil {
		return nil, errors.New(`not a JWK Set: no list "keys"`)
	}
	set := &keySet{kids: make(map[string]any)}
	for i, raw := range list {
		if err := a.addJWK(set, raw); err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
	}
	if len(set.all) == 0 {
		return nil, fmt.Errorf("no key in it goes with JWT_ALGORITHM %s", a.name)
	}
	return set, nil
}

func (a algorithm) addJWK(set *keySet, raw json.RawMessage) error {
	object, err := parseObject(raw)
	if err != nil {
		return err
	}
	if kty, _ := parseText(object["kty"]); kty == ktyOct {
		return errors.New("a symmetric key, which JWT_JWKS_FILE must not hold")
	}
	// Every private JWK has d, the exponent, scalar or seed (RFC 7518 section 6).
	if _, ok := object["d"]; ok {
		return errPrivate
	}
	if !a.fits(object) {
		return nil
	}
	key, err := parseMaterial(object)
	if err != nil {
		return err
	}
	if err := a.checkPublic(key); err != nil {
		return err
	}
	set.all = append(set.all, key)
	if _, ok := object["kid"]; !ok {
		return nil
	}
	kid, ok := parseText(object["kid"])
	if _, twice := set.kids[kid]; !ok || twice {
		return errors.New("its kid is no string, or another key's too")
	}
	set.kids[kid] = key
	return nil
}

// parseMaterial hands jwx the key alone: what stands beside it, such as a
// certificate chain that jwx cannot read, must not spoil it.
func parseMaterial(object map[string]json.RawMessage) (key any, err error) {
	material := make(map[string]json.RawMessage)
	for _, name := range []string{"kty", "crv", "x", "y", "n", "e"} {
		if raw, ok := object[name]; ok {
			material[name] = raw
		}
	}
	raw, err := json.Marshal(material)
	if err != nil {
		return nil, errors.New("malformed")
	}
	parsed, err := jwk.ParseKey(raw)
	if err != nil {
		return nil, errors.New("malformed")
	}
	if err := parsed.Raw(&key); err != nil {
		return nil, errors.New("malformed")
	}
	return key, nil
}

// fits reports whether a JWK is meant to verify with this algorithm. Members
// that are optional (use, alg, key_ops: RFC 7517 section 4) fit when absent.
func (a algorithm) fits(object map[string]json.RawMessage) bool {
	is := func(name, want string, optional bool) bool {
		raw, ok := object[name]
		if !ok {
			return optional
		}
		got, ok := parseText(raw)
		return ok && got == want
	}
	if ops, ok := object["key_ops"]; ok {
		if list, ok := parseTexts(ops); !ok || !slices.Contains(list, "verify") {
			return false
		}
	}
	return is("kty", a.kty, false) && is("crv", a.crv, a.crv == "") &&
		is("use", "sig", true) && is("alg", a.name, true)
}
