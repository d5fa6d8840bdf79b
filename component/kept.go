package component

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	sealed "github.com/legivellum/metagate/component/internal/packet"
)

const (
	// DefaultCacheMaxAge is how old a packet on disk may be that a component starts with.
	DefaultCacheMaxAge = 24 * time.Hour

	clockSkew = 5 * time.Minute // by which a packet may seem to come from the future
)

// kept is a verified packet on disk.
type kept struct {
	FetchedAt  time.Time       `json:"fetched_at"`
	Signature  string          `json:"signature"`
	Credential string          `json:"credential"` // whose it is: see credentialID
	JWKS       json.RawMessage `json:"jwks"`       // the keys that were trusted then
	Packet     json.RawMessage `json:"packet"`
	Refused    string          `json:"refused,omitempty"` // what MetaGate answered since: the packet is gone, the keys stay trusted

	keys sealed.Keys
	seen seen
}

// seen is the newest packet that was verified, in a file of its own: an older copy of
// the packet is no newer for being there again.
type seen struct {
	Revision int64  `json:"revision"`
	ETag     string `json:"packet_etag"`
}

// older is why a packet is refused for its revision; nil if it isn't.
func (s seen) older(revision int64, etag string) error {
	if revision < s.Revision && etag != s.ETag {
		return fmt.Errorf("it is of revision %d, and %d was seen", revision, s.Revision)
	}
	return nil
}

// keptFile is where the packet of the component is; empty where none is kept.
func (c *caller) keptFile() string {
	if c.CacheDir == "" {
		return ""
	}
	return filepath.Join(c.CacheDir, "packet-"+url.PathEscape(c.Component)+".json")
}

func (c *caller) seenFile() string {
	return filepath.Join(c.CacheDir, "seen-"+url.PathEscape(c.Component)+".json")
}

// readKept reads what is on disk, unverified; nil where nothing is.
func (c *caller) readKept() (*kept, error) {
	file := c.keptFile()
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var k kept
	if err == nil {
		err = json.Unmarshal(text, &k)
	}
	if err == nil {
		k.keys, err = sealed.ReadKeys(k.JWKS)
	}
	if err != nil {
		return nil, fmt.Errorf("the packet on disk can't be read: %s: %w", file, err)
	}
	if text, err = os.ReadFile(c.seenFile()); err == nil {
		err = json.Unmarshal(text, &k.seen)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("which packet was seen last can't be read: %s: %w", c.seenFile(), err)
	}
	return &k, nil
}

// keep verifies the packet that MetaGate answered with, and puts it on disk. An error is
// that it must not be believed; what merely can't be kept is logged. Keys that it needs
// for that are asked for until then.
func (c *caller) keep(ctx context.Context, p Packet, signature string, before *kept, until time.Time) error {
	if c.CacheDir == "" && c.VerifyKeysFile == "" {
		return nil
	}
	pinned, err := c.pinned()
	if err != nil {
		return err
	}
	if signature == "" {
		if pinned != nil {
			return fmt.Errorf("%w: it isn't signed", ErrUnverified)
		}
		if before != nil { // only what was signed is kept
			return fmt.Errorf("%w: it isn't signed, and those before were: if signing was switched off, remove %s", ErrUnverified, c.keptFile())
		}
		c.Logger.WarnContext(ctx, "MetaGate signs no packets (SIGNING_KEY_FILE): none is kept for a start without it")
		return nil
	}
	now := &kept{FetchedAt: c.clock.now().UTC(), Signature: signature, Packet: p.Raw}
	if before != nil {
		now.JWKS, now.keys = before.JWKS, before.keys
	}
	stable, says, err := c.verify(ctx, p, now, pinned, until)
	if errors.Is(err, errNoKeys) {
		c.Logger.WarnContext(ctx, "the packet is not verified, nor kept for a start without MetaGate", "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	if sealed.Etag(stable) != p.ETag {
		return fmt.Errorf("%w: packet_etag is not the packet's", ErrUnverified)
	}
	last := seen{says.Revision, p.ETag}
	if before != nil {
		if err := before.seen.older(last.Revision, last.ETag); err != nil {
			return fmt.Errorf("%w: %w: if MetaGate's database was restored, any admin write there mends it", ErrUnverified, err)
		}
		last.Revision = max(last.Revision, before.seen.Revision)
	}
	if c.CacheDir == "" {
		return nil
	}
	now.Credential, err = c.credentialID()
	for _, f := range []struct {
		name string
		of   any
	}{{c.keptFile(), now}, {c.seenFile(), last}} {
		if err == nil {
			err = write(f.name, f.of)
		}
	}
	if err != nil {
		c.Logger.WarnContext(ctx, "the packet can't be kept for a start without MetaGate", "error", err)
	}
	return nil
}

// forbid takes the packet off the disk where MetaGate has refused who asks: the next
// outage must not open what a revocation has closed. The keys stay trusted.
func (c *caller) forbid(ctx context.Context, k *kept, cause error) {
	p := (*Problem)(nil)
	if k == nil || !errors.As(cause, &p) || p.Status != http.StatusUnauthorized && p.Status != http.StatusForbidden {
		return
	}
	gone := *k
	gone.Packet, gone.Signature, gone.Refused = nil, "", strings.TrimSpace(fmt.Sprint(p.Status, " ", p.Code))
	if err := write(c.keptFile(), gone); err != nil {
		c.Logger.WarnContext(ctx, "the packet of who is refused can't be taken off the disk: remove it", "file", c.keptFile(), "error", err)
	}
}

// offline is the packet on disk, if a component may start with it now.
func (c *caller) offline(k *kept) (p Packet, err error) {
	if k.Refused != "" {
		return p, fmt.Errorf("MetaGate's last answer was %s", k.Refused)
	}
	keys, err := c.pinned()
	if err != nil {
		return p, err
	}
	if keys == nil {
		keys = k.keys
	}
	stable, err := sealed.Stable(k.Packet)
	if err != nil {
		return p, err
	}
	says, err := keys.Verify(k.Signature, stable)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(k.Packet, &p); err != nil {
		return p, err
	}
	who, err := c.credentialID()
	if err != nil {
		return p, err
	}
	age := c.clock.now().Sub(k.FetchedAt)
	switch {
	case sealed.Etag(stable) != p.ETag:
		return p, errors.New("packet_etag is not the packet's")
	case p.ComponentKey != c.Component:
		return p, fmt.Errorf("it is of component %q", p.ComponentKey)
	case c.Principal != "" && c.Principal != p.PrincipalKey:
		return p, fmt.Errorf("it is of principal %q", p.PrincipalKey)
	case c.Principal == "" && who == "":
		return p, errors.New("a client certificate does not tell whose it is: Config.Principal (METAGATE_PRINCIPAL) would say whose it has to be")
	case c.Principal == "" && who != k.Credential:
		return p, errors.New("it was answered to another credential: Config.Principal (METAGATE_PRINCIPAL) would say whose it has to be")
	case age > c.CacheMaxAge:
		return p, fmt.Errorf("it is %v old, and CacheMaxAge (METAGATE_CACHE_MAX_AGE) is %v", age.Round(time.Second), c.CacheMaxAge)
	case age < -clockSkew:
		return p, errors.New("it comes from the future: is the clock right?")
	}
	p.Raw = k.Packet
	return p, k.seen.older(says.Revision, p.ETag)
}

// write replaces a file at once, for its owner alone.
func write(file string, of any) error {
	text, err := json.Marshal(of)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
