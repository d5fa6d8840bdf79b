package component

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	sealed "github.com/legivellum/metagate/component/internal/packet"
)

const (
	headerSignature = "Metagate-Signature"
	pathKeys        = "/.well-known/jwks.json"
	maxKeys         = 1 << 20 // bytes of a JWK set
)

// pinned are the keys of Config.VerifyKeysFile; nil without one.
func (c *caller) pinned() (sealed.Keys, error) {
	if c.VerifyKeysFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.VerifyKeysFile)
	if err != nil {
		return nil, fmt.Errorf("VerifyKeysFile (METAGATE_VERIFY_KEYS_FILE): %w", err)
	}
	keys, err := sealed.ReadKeys(text)
	if err == nil && len(keys) == 0 {
		err = errors.New("it has no Ed25519 key")
	}
	if err != nil {
		return nil, fmt.Errorf("VerifyKeysFile (METAGATE_VERIFY_KEYS_FILE) %s: %w", c.VerifyKeysFile, err)
	}
	return keys, nil
}

// verify finds the key that a live packet is signed with: among the pinned ones, or
// those that were trusted before, or where they don't have it in what MetaGate publishes,
// if one of those before is still there.
func (c *caller) verify(ctx context.Context, p Packet, now *kept, pinned sealed.Keys) (stable []byte, says sealed.Signed, err error) {
	if stable, err = sealed.Stable(p.Raw); err != nil {
		return nil, says, fmt.Errorf("%w: %w", ErrUnverified, err)
	}
	keys := pinned
	if keys == nil {
		keys = now.keys
	}
	says, err = keys.Verify(now.Signature, stable)
	if errors.Is(err, sealed.ErrUnknownKey) && pinned == nil {
		before := now.keys
		if now.JWKS, err = c.published(ctx); err == nil {
			now.keys, err = sealed.ReadKeys(now.JWKS)
		}
		if err != nil {
			return nil, says, fmt.Errorf("%w: its key can't be had: %w", ErrUnverified, err)
		}
		if len(before) > 0 && !before.Vouches(now.keys) {
			return nil, says, fmt.Errorf("%w: MetaGate publishes none of the keys that it signed with before: if it has new ones, remove %s", ErrUnverified, c.keptFile())
		}
		says, err = now.keys.Verify(now.Signature, stable)
	}
	if err != nil {
		return nil, says, fmt.Errorf("%w: %w", ErrUnverified, err)
	}
	return stable, says, nil
}

// published asks the address that answered last for its keys.
func (c *caller) published(ctx context.Context) (jwks []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout(c.Budget))
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Addresses[c.preferred.Load()]+pathKeys, http.NoBody)
	if err != nil {
		return nil, err
	}
	q.Header.Set("User-Agent", c.agent)
	resp, err := c.http.Do(q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	jwks, err = readAll(resp, maxKeys)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", pathKeys, resp.Status)
	}
	return jwks, err
}

// credentialID tells credentials apart without being one: the hash of an API key, or of
// a JWT's issuer and subject, which outlive it. It is empty where there is neither, but
// a client certificate.
func (c *caller) credentialID() (string, error) {
	key, err := c.key()
	if err != nil || key == "" {
		return "", err
	}
	if parts := strings.Split(key, "."); len(parts) == 3 {
		var claims struct{ Iss, Sub string }
		if text, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil && json.Unmarshal(text, &claims) == nil && claims.Sub != "" {
			key = claims.Iss + "\n" + claims.Sub
		}
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:]), nil
}
