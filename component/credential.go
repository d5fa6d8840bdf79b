package component

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
)

// key is the credential as it is now.
func (c Config) key() (string, error) {
	key, from := c.APIKey, "the API key"
	if c.APIKeyFile != "" {
		from = c.APIKeyFile
		text, err := os.ReadFile(c.APIKeyFile)
		if err != nil {
			return "", fmt.Errorf("the API key can't be read: %w", err)
		}
		key = string(text)
	}
	key = strings.TrimSpace(key)
	if key == "" {
		return "", errors.New(from + " is empty")
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r < '!' || r > '~' }) {
		return "", errors.New(from + " has something else in it than visible ASCII characters")
	}
	return key, nil
}

// jwt is how a JWS in compact form looks (RFC 7515, section 3.1) whose header is a
// JSON object: eyJ is {" in base64url.
var jwt = regexp.MustCompile(`^eyJ[\w-]*\.[\w-]+\.[\w-]*$`)

// authorize says in a header who asks.
func (c Config) authorize(h http.Header, key string) {
	if jwt.MatchString(key) {
		h.Set("Authorization", "Bearer "+key)
	} else {
		h.Set(c.APIKeyHeader, key)
	}
}
