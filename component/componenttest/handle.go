package componenttest

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strings"
)

// The sizes of the largest bodies that MetaGate takes from a component, in bytes.
const (
	maxBody     = 64 << 10
	maxBackfill = 1 << 20
)

const mediaJSON = "application/json"

// key is what keys are made of.
var key = regexp.MustCompile(`^[A-Za-z0-9._:/@+-]{1,255}$`)

// handle does what is asked for. Whoever calls holds s.mu.
func (s *Server) handle(r *http.Request, body []byte) answer {
	handlers := map[string]func(http.Header, []byte) answer{
		"/v1/bootstrap":        s.bootstrap,
		"/v1/startup/ready":    s.ready,
		"/v1/startup/failed":   s.failed,
		"/v1/startup/backfill": s.backfill,
	}
	if r.URL.Path == "/.well-known/jwks.json" && r.Method == http.MethodGet {
		return s.jwks()
	}
	do := handlers[r.URL.Path]
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case do == nil:
		return s.wrong(http.StatusNotFound, "NOT_FOUND", "MetaGate has no "+r.URL.Path)
	case r.Method != http.MethodPost:
		return s.wrong(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", r.URL.Path+" wants POST, not "+r.Method)
	case r.Header.Get("X-API-Key") != s.Key && r.Header.Get("Authorization") != "Bearer "+s.Key:
		return problem(http.StatusUnauthorized, "UNAUTHENTICATED", "the credential is missing or wrong")
	case mediaType != "application/json":
		return s.wrong(http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", "Content-Type "+mediaType)
	case len(body) > maxBody && r.URL.Path != "/v1/startup/backfill":
		return s.wrong(http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE", "a body of more than 64 KiB")
	case len(body) > maxBackfill:
		return s.wrong(http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE", "a body of more than 1 MiB")
	case hasNUL(body):
		return s.bad("JSON string with U+0000", nil)
	}
	return do(r.Header, body)
}

// hasNUL reports whether a text or a member's name has U+0000, which MetaGate takes nowhere.
func hasNUL(body []byte) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.Token()
		if text, _ := token.(string); err != nil || strings.Contains(text, "\x00") {
			return err == nil
		}
	}
}

// wrong refuses what no component should send, and fails the test.
func (s *Server) wrong(status int, code, detail string) answer {
	s.tb.Errorf("componenttest: %d %s: %s", status, code, detail)
	return problem(status, code, detail)
}

// bad is a body that isn't as openapi.yaml says.
func (s *Server) bad(detail string, err error) answer {
	if err != nil {
		detail += ": " + err.Error()
	}
	return s.wrong(http.StatusBadRequest, "INVALID_REQUEST", detail)
}

func problem(status int, code, detail string) answer {
	return answer{status: status, contentType: "application/problem+json", body: encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail, "request_id": newID(),
	})}
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // it is made of what was JSON before
	}
	return text
}

// newID is a UUID, of chance alone (RFC 9562, section 5.4).
func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // it never fails
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%s", id[:4], id[4:6], id[6:8], id[8:10], hex.EncodeToString(id[10:]))
}
