package componenttest

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"time"

	sealed "github.com/legivellum/metagate/component/internal/packet"
)

// signer is a key that signs packets.
type signer struct {
	kid     string
	private ed25519.PrivateKey
}

// RotateKey has packets signed by a new key. Those before it stay published.
func (s *Server) RotateKey() {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		s.tb.Fatalf("componenttest: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, signer{newID(), private})
}

// DropKeys forgets all keys: packets are unsigned until RotateKey makes another.
func (s *Server) DropKeys() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = nil
}

// SetRevision sets the revision that packets are signed with: a lower one is as of a
// database that was restored.
func (s *Server) SetRevision(revision int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revision = revision
}

// sign signs what is stable in a packet. Whoever calls holds s.mu.
func (s *Server) sign(stable []byte) string {
	if len(s.keys) == 0 {
		return ""
	}
	k := s.keys[len(s.keys)-1]
	return sealed.Sign(k.private, k.kid, stable, sealed.Signed{Tenant: "default", Revision: s.revision, At: time.Now()})
}

func (s *Server) jwks() answer {
	keys := []map[string]string{}
	for _, k := range s.keys {
		public, _ := k.private.Public().(ed25519.PublicKey)
		keys = append(keys, map[string]string{
			"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": k.kid, "x": base64.RawURLEncoding.EncodeToString(public),
		})
	}
	return answer{status: http.StatusOK, contentType: mediaJSON, body: encode(map[string]any{"keys": keys})}
}
