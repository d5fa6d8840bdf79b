package identity

import (
	"encoding/base64"
	"errors"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
)

// maxToken bounds the work that an unauthenticated caller can ask for, in bytes.
const maxToken = 16 << 10

// compact is the one form of a token (RFC 7515 section 7.1). jwx would read the
// JSON serialization too, where part of the header is not signed.
var compact = regexp.MustCompile(`^([\w-]+)\.([\w-]+)\.([\w-]+)$`)

// strictBase64 refuses stray trailing bits, so that a token has one spelling.
var strictBase64 = base64.RawURLEncoding.Strict()

// parseHeader reads the protected header of a token that is not yet believed.
func parseHeader(token string) (map[string]any, error) {
	if token == "" || len(token) > maxToken {
		return nil, errors.New("jwt: empty or over 16 KiB")
	}
	segments := compact.FindStringSubmatch(token)
	if segments == nil {
		return nil, errors.New("jwt: not three segments of base64url")
	}
	var header []byte
	for _, segment := range []string{segments[3], segments[2], segments[1]} {
		var err error
		if header, err = strictBase64.DecodeString(segment); err != nil {
			return nil, errors.New("jwt: a segment is not base64url")
		}
	}
	// Anything around the object jwx would leave out of what is signed, and of a
	// member that comes twice it takes the last (RFC 7515 section 4).
	var members map[string]any
	if json.Unmarshal(header, &members) != nil || header[0] != '{' || header[len(header)-1] != '}' {
		return nil, errors.New("jwt: the header is not a JSON object in UTF-8, or a member comes twice")
	}
	return members, nil
}

// reading are header members that change how the rest is read. Nothing that
// they ask for is supported, so each is refused, whatever its value.
var reading = []string{
	"crit", // RFC 7515 section 4.1.11
	"b64",  // RFC 7797: an unencoded payload
	"enc",  // RFC 7516: encryption
	"zip",
}

// Unverified is a token that has the form of one. Nobody has vouched for what it says.
type Unverified struct {
	token   string
	header  map[string]any
	payload []byte
	claims  struct {
		Issuer  *string `json:"iss"`
		Subject string  `json:"sub"`
	}
}

// ReadUnverified reads a compact JWS (RFC 7515 section 7.1). An error is
// [Unauthenticated].
func ReadUnverified(token string) (*Unverified, error) {
	header, err := parseHeader(token)
	if err != nil {
		return nil, Unauthenticated(err)
	}
	u := &Unverified{token: token, header: header}
	if u.payload, err = strictBase64.DecodeString(strings.Split(token, ".")[1]); err != nil {
		return nil, Unauthenticated(errors.New("jwt: a segment is not base64url"))
	}
	if json.Unmarshal(u.payload, &u.claims) != nil {
		return nil, Unauthenticated(errors.New("jwt: the payload is not an object of claims"))
	}
	return u, nil
}

// Issuer is iss; without one, ok is false.
func (u *Unverified) Issuer() (iss string, ok bool) {
	if u.claims.Issuer == nil {
		return "", false
	}
	return *u.claims.Issuer, true
}

// Subject is sub, empty where there is none.
func (u *Unverified) Subject() string { return u.claims.Subject }

// key chooses the key that a token of this header must be signed with. Keys that
// it brings along (jwk, jku, x5c, x5u) are never looked at.
func (v *Verifier) key(header map[string]any) (any, error) {
	// The algorithm is ours to choose, never the token's (RFC 8725 section 3.1).
	if header["alg"] != v.algorithm.name {
		return nil, errors.New("jwt: alg is not JWT_ALGORITHM")
	}
	if err := plain(header); err != nil {
		return nil, err
	}
	return v.keys.Load().find(header["kid"])
}

// plain refuses what asks to be read in another way.
func plain(header map[string]any) error {
	for _, name := range reading {
		if _, ok := header[name]; ok {
			return errors.New("jwt: unsupported header member " + name)
		}
	}
	if cty, _ := header["cty"].(string); strings.EqualFold(cty, "JWT") {
		return errors.New("jwt: nested")
	}
	return nil
}
