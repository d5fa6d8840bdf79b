package signing

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/files"
)

// The headers that a PEM block may have (RFC 3339 times): when a key signs at the
// earliest, though it is published before, and until when it is published.
const (
	headerFrom  = "Signs-From"
	headerUntil = "Expires"
)

// key signs, unless it is only published.
type key struct {
	id          string // its thumbprint (RFC 7638)
	private     ed25519.PrivateKey
	public      ed25519.PublicKey
	from, until time.Time // zero is no bound
}

func (k key) valid(now time.Time) bool { return k.until.IsZero() || now.Before(k.until) }

func readFile(path string) (keys []key, text string, err error) {
	data, err := files.Read(path)
	if err == nil {
		keys, err = parse(data)
	}
	if err != nil {
		err = fmt.Errorf("SIGNING_KEY_FILE %q: %w", path, err)
		return nil, err.Error(), err
	}
	return keys, string(data), nil
}

// parse returns the keys, by the times from which they sign.
func parse(data []byte) (keys []key, err error) {
	begun := bytes.Count(data, []byte("-----BEGIN "))
	for n := 1; ; n++ {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		k, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", n, err)
		}
		if slices.ContainsFunc(keys, func(o key) bool { return o.id == k.id }) {
			return nil, fmt.Errorf("block %d: a key twice", n)
		}
		keys, data = append(keys, k), rest
	}
	if len(keys) != begun { // which pem.Decode passes over: it may be half written
		return nil, fmt.Errorf("%d of its %d PEM blocks can't be read", begun-len(keys), begun)
	}
	if !slices.ContainsFunc(keys, func(k key) bool { return k.private != nil }) {
		return nil, errors.New("no private key: make one with metagate keys signing")
	}
	slices.SortStableFunc(keys, func(a, b key) int { return a.from.Compare(b.from) })
	return keys, nil
}

func parseBlock(block *pem.Block) (k key, err error) {
	var parsed any
	switch block.Type {
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "PUBLIC KEY":
		parsed, err = x509.ParsePKIXPublicKey(block.Bytes)
	default:
		return k, fmt.Errorf("%s: not a PRIVATE KEY (PKCS #8) or PUBLIC KEY", block.Type)
	}
	if err != nil {
		return k, err
	}
	switch parsed := parsed.(type) {
	case ed25519.PrivateKey:
		k.private, k.public = parsed, parsed.Public().(ed25519.PublicKey)
	case ed25519.PublicKey:
		k.public = parsed
	default:
		return k, errors.New("not an Ed25519 key: openssl genpkey -algorithm ed25519 makes one, or metagate keys signing")
	}
	k.id = thumbprint(k.public)
	for name := range block.Headers {
		if name != headerFrom && name != headerUntil {
			return k, fmt.Errorf("there is no header %q: %s or %s", name, headerFrom, headerUntil)
		}
	}
	for name, at := range map[string]*time.Time{headerFrom: &k.from, headerUntil: &k.until} {
		if text := block.Headers[name]; text != "" {
			if *at, err = time.Parse(time.RFC3339, text); err != nil {
				return k, fmt.Errorf("%s %q is no time of RFC 3339", name, text)
			}
		}
	}
	return k, nil
}

// thumbprint is that of RFC 7638 and RFC 8037, appendix A.3.
func thumbprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":"Ed25519","kty":"OKP","x":%q}`, base64.RawURLEncoding.EncodeToString(public)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Published are the keys that verify what was signed until now, and what will be
// signed next.
func (r *Ring) Published() []model.JWK {
	out := []model.JWK{}
	if r == nil {
		return out
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for _, k := range r.keys {
		if k.valid(now) {
			out = append(out, k.jwk())
		}
	}
	return out
}

func (k key) jwk() model.JWK {
	j := model.JWK{Kty: model.JWKKtyOKP, Crv: model.JWKCrvEd25519, Kid: k.id, Alg: model.JWKAlgEdDSA, Use: model.JWKUseSig, X: base64.RawURLEncoding.EncodeToString(k.public)}
	if !k.until.IsZero() {
		j.Exp = k.until.Unix()
	}
	return j
}

// Rotated is the text of a key file with a new key, which signs after lead: until then
// every server and every component should have seen it. The keys before it stay
// published for keep after that; what has expired is left out. Without text it is a
// file with one key, which signs at once.
func Rotated(text []byte, now time.Time, lead, keep time.Duration) (next []byte, published model.JWK, err error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, model.JWK{}, err
	}
	fresh := key{id: thumbprint(public), private: private, public: public}
	var keys []key
	if len(text) > 0 {
		if keys, err = parse(text); err != nil {
			return nil, model.JWK{}, err
		}
		now = now.UTC().Truncate(time.Second)
		fresh.from = now.Add(lead)
		keys = slices.DeleteFunc(keys, func(k key) bool { return !k.valid(now) })
		for i := range keys {
			if keys[i].until.IsZero() {
				keys[i].until = fresh.from.Add(keep)
			}
		}
	}
	for _, k := range append(keys, fresh) {
		block, err := k.block()
		if err != nil {
			return nil, model.JWK{}, err
		}
		next = append(next, pem.EncodeToMemory(block)...)
	}
	return next, fresh.jwk(), nil
}

func (k key) block() (b *pem.Block, err error) {
	b = &pem.Block{Type: "PUBLIC KEY", Headers: map[string]string{}}
	if k.private == nil {
		b.Bytes, err = x509.MarshalPKIXPublicKey(k.public)
	} else {
		b.Type = "PRIVATE KEY"
		b.Bytes, err = x509.MarshalPKCS8PrivateKey(k.private)
	}
	for name, at := range map[string]time.Time{headerFrom: k.from, headerUntil: k.until} {
		if !at.IsZero() {
			b.Headers[name] = at.UTC().Format(time.RFC3339)
		}
	}
	return b, err
}
