package component

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
)

// mayHaveCertificate reports whether a client may have a certificate that says who asks:
// one whose transport can't be looked into may.
func mayHaveCertificate(client *http.Client) bool {
	if client == nil || client.Transport == nil {
		return false
	}
	t, ok := client.Transport.(*http.Transport)
	return !ok || (t.TLSClientConfig != nil && (len(t.TLSClientConfig.Certificates) > 0 || t.TLSClientConfig.GetClientCertificate != nil))
}

// key is the credential as it is now; empty where the client's certificate is it.
func (c Config) key() (string, error) {
	if c.APIKey == "" && c.APIKeyFile == "" {
		return "", nil
	}
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
	switch {
	case key == "":
	case jwt.MatchString(key):
		h.Set("Authorization", "Bearer "+key)
	default:
		h.Set(c.APIKeyHeader, key)
	}
}
