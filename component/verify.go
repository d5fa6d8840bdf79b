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
	"time"

	sealed "github.com/legivellum/metagate/component/internal/packet"
)

const (
	headerSignature = "Metagate-Signature"
	pathKeys        = "/.well-known/jwks.json"
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

// errNoKeys is that a packet can't be verified yet: no keys are trusted, and none to be had.
var errNoKeys = errors.New("MetaGate's keys can't be had")

// verify finds the key that a live packet is signed with: among the pinned ones, or
// those that were trusted before, or where they don't have it in what MetaGate publishes,
// if one of those before is still there.
func (c *caller) verify(ctx context.Context, p Packet, now *kept, pinned sealed.Keys, until time.Time) (stable []byte, says sealed.Signed, err error) {
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
		now.JWKS, now.keys, err = c.published(ctx, until)
		switch {
		case err == nil:
		case away(err) && len(before) == 0:
			return nil, says, fmt.Errorf("%w: %w", errNoKeys, err)
		case errors.Is(err, ErrUnavailable) || ctx.Err() != nil: // which says nothing against the packet
			return nil, says, fmt.Errorf("the key that the packet is signed with can't be had: %w", err)
		default:
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

// published asks for MetaGate's keys until then, and once at least.
func (c *caller) published(ctx context.Context, until time.Time) (jwks []byte, keys sealed.Keys, err error) {
	budget := max(until.Sub(c.clock.now()), min(c.timeout(c.Budget), c.Budget))
	err = c.call(ctx, request{path: pathKeys, budget: budget, accept: func(_ http.Header, body []byte) (err error) {
		jwks = body
		keys, err = sealed.ReadKeys(body)
		return err
	}})
	return jwks, keys, err
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
