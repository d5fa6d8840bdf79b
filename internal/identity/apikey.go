package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// KeyPrefix begins every API key that MetaGate makes, so that people and secret
// scanners know one when they see it.
const KeyPrefix = "mgk_"

// maxAPIKey is the longest API key that is looked up, in bytes.
const maxAPIKey = 512

// NewAPIKey makes an API key, [KeyPrefix] and 32 random bytes in base64url
// without padding (47 characters), and the hash to store (contract section 2).
// The plaintext is shown once and kept nowhere.
func NewAPIKey() (plaintext, hash string) {
	random := make([]byte, 32)
	rand.Read(random) // never fails
	plaintext = KeyPrefix + base64.RawURLEncoding.EncodeToString(random)
	return plaintext, hashHex(plaintext)
}

// HashAPIKey returns the look-up key of an API key: its SHA-256 in lower-case
// hex. Any 1–512 bytes of visible ASCII (no space) are hashed, not mgk_ keys
// alone, since an operator's ADMIN_API_KEY may be any such text. Anything else
// is [Unauthenticated], and needs no look-up.
func HashAPIKey(plaintext string) (hash string, err error) {
	hidden := func(r rune) bool { return r < '!' || r > '~' }
	if plaintext == "" || len(plaintext) > maxAPIKey || strings.ContainsFunc(plaintext, hidden) {
		return "", Unauthenticated(errors.New("api key: not 1 to 512 bytes of visible ASCII"))
	}
	return hashHex(plaintext), nil
}

func hashHex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
