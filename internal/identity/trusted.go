package identity

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// Tokens verifies bearer tokens, for many goroutines at once.
type Tokens interface {
	// Verify returns what a token says, or [Unauthenticated], or UNAVAILABLE where
	// the keys that it takes are not known yet.
	Verify(token string) (Claims, error)

	// Generation changes when what was verified must be verified again.
	Generation() uint64

	// Enabled reports whether any token can be accepted.
	Enabled() bool
}

// Trusted is what the tokens of one issuer must be like, whatever its keys are now.
type Trusted struct {
	// Algorithms are the only ones accepted: at least one, and none of a secret.
	Algorithms []string

	// Issuer is what iss must be. Empty: it is not checked.
	Issuer string

	// Audiences must not be empty: aud has to have one of them.
	Audiences []string

	// Use is what a key's use must be. Empty means sig, which is meant, too, where a
	// key says nothing. Any other must be said.
	Use string

	// Types are what the header's typ may be, where it is there at all. Empty: anything.
	Types []string

	// Now is the clock.
	Now func() time.Time
}

// Keys are the public keys of one issuer at one time.
type Keys struct {
	sets map[string]*keySet // by algorithm
	same string             // equal for equal keys

	// Count is how many there are.
	Count int

	// Passed tells of keys that are of no use though they ought to be, one line each.
	Passed []string
}

// Same reports whether two sets have the same keys.
func (k *Keys) Same(other *Keys) bool { return k != nil && other != nil && k.same == other.same }

// AsymmetricAlgorithms are those of RFC 7518 and RFC 8037 with a public key.
func AsymmetricAlgorithms() []string {
	var out []string
	for _, a := range algorithms {
		if a.kty != ktyOct {
			out = append(out, a.name)
		}
	}
	return out
}

// ParseKeys reads a JWK Set (RFC 7517 section 5). A key that is broken, weak, private
// or of a kid that was there before is passed over: the other keys of an issuer stay
// good. A set without a usable key is an error of one line.
func (t Trusted) ParseKeys(data []byte) (*Keys, error) {
	var object struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, errors.New("not a JWK Set")
	}
	out := &Keys{sets: make(map[string]*keySet)}
	var used []string
	for i, raw := range object.Keys {
		fits, err := t.add(out, raw)
		if err != nil {
			out.Passed = append(out.Passed, fmt.Sprintf("key %d: %s", i+1, strings.Join(strings.Fields(err.Error()), " ")))
		} else if fits {
			used = append(used, string(raw))
		}
	}
	if out.Count = len(used); out.Count == 0 {
		why := strings.Join(out.Passed, "; ")
		if why != "" {
			why = " (" + why + ")"
		}
		return nil, fmt.Errorf("no key in it goes with %s%s", strings.Join(t.Algorithms, ", "), why)
	}
	slices.Sort(used)
	out.same = strings.Join(used, "\n")
	return out, nil
}

func (t Trusted) add(to *Keys, raw jsontext.Value) (fits bool, err error) {
	var members map[string]any
	if err := json.Unmarshal(raw, &members); err != nil {
		return false, errors.New("not an object")
	}
	if t.Use != "" {
		if kid, _ := members["kid"].(string); members["use"] != t.Use || kid == "" {
			return false, nil
		}
		delete(members, "use") // which jwx doesn't know
		if raw, err = json.Marshal(members); err != nil {
			return false, err
		}
	}
	for _, name := range t.Algorithms {
		a, err := algorithmNamed(name)
		if err != nil {
			return false, err
		}
		set := to.sets[name]
		if set == nil {
			set = &keySet{kids: make(map[string]any)}
			to.sets[name] = set
		}
		before := len(set.all)
		if err := a.addJWK(set, raw); err != nil {
			set.all = set.all[:before]
			return false, err
		}
		fits = fits || len(set.all) > before
	}
	return fits, nil
}

// ErrNoKeys is the cause of a refusal for want of any key.
var ErrNoKeys = errors.New("jwt: the issuer's keys are not known")

// Verify checks a token against the keys that are known now, nil for none, and returns
// what it says, with all its claims as a JSON object. An error is a cause for
// [Unauthenticated]; it is [ErrNoKeys] or [ErrUnknownKid] for a token that may be good,
// as far as it can be told without its key.
func (t Trusted) Verify(keys *Keys, u *Unverified) (Claims, []byte, error) {
	want := expected{issuer: t.Issuer, audiences: t.Audiences, now: t.Now}
	alg, _ := u.header["alg"].(string)
	if !slices.Contains(t.Algorithms, alg) {
		return Claims{}, nil, errors.New("jwt: alg is none of the issuer's algorithms")
	}
	if err := plain(u.header); err != nil {
		return Claims{}, nil, err
	}
	if typ, ok := u.header["typ"]; ok && len(t.Types) > 0 {
		if text, _ := typ.(string); !slices.Contains(t.Types, text) {
			return Claims{}, nil, errors.New("jwt: typ is not that of the issuer's tokens")
		}
	}
	key, err := keys.find(alg, u.header["kid"])
	if errors.Is(err, ErrNoKeys) || errors.Is(err, ErrUnknownKid) {
		if _, bad := want.check(u.payload); bad != nil { // not told: nobody has signed it
			return Claims{}, nil, errors.New("jwt: the claims are not right, and its key is not known")
		}
	}
	if err != nil {
		return Claims{}, nil, err
	}
	payload, err := jws.Verify([]byte(u.token), jws.WithKey(jwa.SignatureAlgorithm(alg), key))
	if err != nil { // not told: it may quote what nobody has signed
		return Claims{}, nil, errors.New("jwt: the signature does not match")
	}
	claims, err := want.check(payload)
	return claims, payload, err
}

func (k *Keys) find(alg string, kid any) (any, error) {
	if k == nil {
		return nil, ErrNoKeys
	}
	set := k.sets[alg]
	if set == nil {
		return nil, ErrUnknownKid
	}
	return set.find(kid)
}

// ValidSubject reports whether a text may be an auth_subject.
func ValidSubject(s string) bool { return validSubject(s) }
