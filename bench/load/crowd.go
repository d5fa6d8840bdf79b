package load

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"
)

// Crowd is many principals that bootstrap in no order.
type Crowd struct {
	Target
	Name       string // of its principals: Name-000000 and so on
	Principals int
	Profiles   int    // that they share evenly; 0 is one
	Secret     string // the server's JWT_SECRET, for HS256
}

// Populate creates the crowd, as the admin whose API key the target has.
func (c Crowd) Populate(ctx context.Context) error {
	admin, err := c.client()
	if err != nil {
		return err
	}
	return populate(ctx, admin, c.Name, c.Principals, c.Profiles)
}

// Change makes another packet of each that the crowd has.
func (c Crowd) Change(ctx context.Context) error {
	admin, err := c.client()
	if err != nil {
		return err
	}
	w := crowd(c.Name, 0, 0, 1)
	w.Manifests[0].Environment = json.RawMessage(`{"changed":true}`)
	return apply(ctx, admin, w)
}

// Requests prepares each principal's bootstrap, with a JWT that is valid for an hour.
func (c Crowd) Requests() ([][]byte, error) {
	requests := make([][]byte, c.Principals)
	for i := range requests {
		bearer := http.Header{"Authorization": {"Bearer " + token(c.Secret, principal(c.Name, i), time.Now().Add(time.Hour))}}
		var err error
		if requests[i], err = c.post("/v1/bootstrap", bearer, c.bootstrap()); err != nil {
			return nil, err
		}
	}
	return requests, nil
}

// Bootstraps sends the requests at random until Duration has passed or ctx ends.
func (c Crowd) Bootstraps(ctx context.Context, requests [][]byte, sent *atomic.Int64) (Result, error) {
	return Run(ctx, c.load(func(int) []byte { return requests[rand.IntN(len(requests))] }, status(http.StatusOK)), sent)
}

// token is a JWT (RFC 7519) signed with HS256.
func token(secret, subject string, expires time.Time) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"sub":%q,"exp":%d}`, subject, expires.Unix()))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
