package identity

import (
	"encoding/base64"
	"errors"
	"strings"
)

// maxToken bounds the work that an unauthenticated caller can ask for, in bytes.
const maxToken = 16 << 10

// token is a compact JWS, decoded but not yet believed.
type token struct {
	header, payload, signature []byte
	signed                     []byte // header.payload as it was sent
}

// strictBase64 refuses stray trailing bits, so that a token has one spelling.
var strictBase64 = base64.RawURLEncoding.Strict()

func parseToken(s string) (token, error) {
	if s == "" || len(s) > maxToken {
		return token{}, errors.New("jwt: empty or over 16 KiB")
	}
	// The decoder skips line breaks.
	if strings.ContainsAny(s, "\r\n") {
		return token{}, errors.New("jwt: holds a line break")
	}
	parts := strings.SplitN(s, ".", 4)
	if len(parts) != 3 { // five are a JWE
		return token{}, errors.New("jwt: not of three segments")
	}
	decoded := make([][]byte, len(parts))
	for i, part := range parts {
		b, err := strictBase64.DecodeString(part)
		if err != nil || len(b) == 0 {
			return token{}, errors.New("jwt: a segment is empty or not base64url")
		}
		decoded[i] = b
	}
	return token{
		header: decoded[0], payload: decoded[1], signature: decoded[2],
		signed: []byte(s[:strings.LastIndexByte(s, '.')]),
	}, nil
}

// reading are header members that change how the rest is read. Nothing that
// they ask for is supported, so each is refused, whatever its value.
var reading = []string{
	"crit", // RFC 7515 section 4.1.11
	"b64",  // RFC 7797: an unencoded payload
	"enc",  // RFC 7516: encryption
	"zip",
}

// parseHeader checks the protected header and returns its kid, nil if there is
// none. Keys that a token brings along (jwk, jku, x5c, x5u) are never looked at.
func parseHeader(data []byte, algorithm string) (kid *string, err error) {
	header, err := parseObject(data)
	if err != nil {
		return nil, err
	}
	// The algorithm is ours to choose, never the token's (RFC 8725 section 3.1).
	if alg, ok := parseText(header["alg"]); !ok || alg != algorithm {
		return nil, errors.New("jwt: alg is not JWT_ALGORITHM")
	}
	for _, name := range reading {
		if _, ok := header[name]; ok {
			return nil, errors.New("jwt: unsupported header member " + name)
		}
	}
	if cty, _ := parseText(header["cty"]); strings.EqualFold(cty, "JWT") {
		return nil, errors.New("jwt: nested")
	}
	raw, ok := header["kid"]
	if !ok {
		return nil, nil
	}
	text, ok := parseText(raw)
	if !ok {
		return nil, errors.New("jwt: kid is not a string")
	}
	return &text, nil
}
