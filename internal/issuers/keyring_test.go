package issuers

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/test/idp"
)

// served are the two ways in which keys are fetched, by more members of the file.
var served = map[string]string{"jwks_uri": "  jwks_uri: https://idp.example/keys\n", "discovery": ""}

const notYet = "keys of the token's issuer are not known yet"

// beside runs an issuer's set beside f, with synctest's clock.
func beside(t *testing.T, more string, f func(t *testing.T, i *idp.Issuer, s *Set)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		i := idp.New("EdDSA") // whose keys cost nothing
		i.URL = "https://idp.example"
		s := newSet(t, "issuers:\n- name: ci\n  issuer: https://idp.example\n  audience: metagate\n  algorithms: [EdDSA]\n"+more, i)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		defer func() { cancel(); <-done }()
		f(t, i, s)
	})
}

func pass(d time.Duration) { time.Sleep(d); synctest.Wait() }

func TestAnIssuerThatIsDownAtTheStartIsTakenUpWhenItComes(t *testing.T) {
	t.Parallel()
	for how, more := range served {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			beside(t, more, func(t *testing.T, i *idp.Issuer, s *Set) {
				i.Away.Store(true)
				pass(10 * time.Minute)
				require.True(t, s.Enabled())
				require.Equal(t, []model.IssuerReadiness{{Name: "ci", Keys: model.IssuerReadinessKeysNone}}, s.Ready())
				refused(t, s, i.Token(good(nil)), errs.Unavailable, notYet)
				refused(t, s, i.Token(good(map[string]any{"aud": "another"})), errs.Unauthenticated, "its key is not known")
				refused(t, s, i.Token(good(nil), map[string]any{"alg": "none"}), errs.Unauthenticated, "alg")
				tries := s.Counts()[0]
				require.Equal(t, tries.Fetches, tries.Failures)
				require.InDelta(t, 16, tries.Fetches, 6, "at most one a minute, after the first few")

				i.Away.Store(false)
				pass(time.Minute)
				accepted(t, s, i.Token(good(nil)))
				require.Equal(t, []model.IssuerReadiness{{Name: "ci", Keys: model.IssuerReadinessKeysFresh}}, s.Ready())
			})
		})
	}
}

func TestAnIssuerMayBeDownForAnHourAndRotateItsKeysMeanwhile(t *testing.T) {
	t.Parallel()
	for how, more := range served {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			beside(t, more, func(t *testing.T, i *idp.Issuer, s *Set) {
				pass(time.Second)
				old := i.Token(good(map[string]any{"exp": time.Now().Add(48 * time.Hour).Unix()}))
				accepted(t, s, old)
				before := s.Generation()
				i.Away.Store(true)
				for range 60 {
					pass(time.Minute)
					accepted(t, s, old)
				}
				require.Equal(t, model.IssuerReadinessKeysStale, s.Ready()[0].Keys)
				require.Equal(t, before, s.Generation(), "nothing has to be verified again")
				i.Rotate()
				i.Withdraw()
				renewed := i.Token(good(map[string]any{"exp": time.Now().Add(48 * time.Hour).Unix()}))
				refused(t, s, renewed, errs.Unavailable, notYet)
				pass(time.Second)
				refused(t, s, renewed, errs.Unavailable, notYet) // it has been looked for, in vain: who knows

				i.Away.Store(false)
				pass(time.Minute)
				accepted(t, s, renewed)
				_, err := s.Verify(old)
				require.Error(t, err)
				synctest.Wait() // until it has been looked for
				refused(t, s, old, errs.Unauthenticated, "unknown kid")
				require.Greater(t, s.Generation(), before, "what the old key opened is verified again")
				require.Equal(t, model.IssuerReadinessKeysFresh, s.Ready()[0].Keys)
			})
		})
	}
}

func TestKeysAreGoodForADayWithoutTheirIssuerAndNoLonger(t *testing.T) {
	t.Parallel()
	beside(t, "", func(t *testing.T, i *idp.Issuer, s *Set) {
		pass(time.Second)
		i.Away.Store(true)
		token := i.Token(good(map[string]any{"exp": time.Now().Add(72 * time.Hour).Unix()}))
		claims := accepted(t, s, token)
		require.WithinDuration(t, time.Now().Add(24*time.Hour), claims.ExpiresAt, 2*time.Second, "nobody is remembered longer than the keys are good")
		pass(24*time.Hour - 3*time.Second)
		accepted(t, s, token)
		pass(4 * time.Second)
		refused(t, s, token, errs.Unavailable, notYet)
		require.Equal(t, model.IssuerReadinessKeysNone, s.Ready()[0].Keys)
		require.Zero(t, s.Counts()[0].Keys)
		i.Away.Store(false)
		pass(time.Minute)
		accepted(t, s, token)
	})
}

func TestANewKeyIsFetchedWhenItsFirstTokenComes(t *testing.T) {
	t.Parallel()
	beside(t, "", func(t *testing.T, i *idp.Issuer, s *Set) {
		pass(20 * time.Second)
		i.Rotate()
		refused(t, s, i.Token(good(nil)), errs.Unavailable, notYet)
		synctest.Wait()
		accepted(t, s, i.Token(good(nil)))
	})
}

func TestForgedKidsCostAnIssuerOneFetchInTenSeconds(t *testing.T) {
	t.Parallel()
	for how, more := range served {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			beside(t, more, func(t *testing.T, i *idp.Issuer, s *Set) {
				pass(20 * time.Second)
				token, forger := i.Token(good(nil)), idp.New("EdDSA")
				before := i.Fetches.Load()
				for n := range 10_000 {
					_, err := s.Verify(forger.Token(good(nil), map[string]any{"kid": fmt.Sprint("forged-", n)}))
					require.Error(t, err)
					if n%100 == 0 {
						accepted(t, s, token)
						pass(90 * time.Millisecond)
					}
				}
				require.Equal(t, int64(1), i.Fetches.Load()-before, "ten thousand in ten seconds")
				for range 60 {
					_, err := s.Verify(forger.Token(good(nil), map[string]any{"kid": "forged"}))
					require.Error(t, err)
					accepted(t, s, token)
					pass(time.Second)
				}
				require.LessOrEqual(t, i.Fetches.Load()-before, int64(8), "sixty more in a minute")
				refused(t, s, forger.Token(good(map[string]any{"aud": "another"}), map[string]any{"kid": "x"}), errs.Unauthenticated, "its key is not known")
			})
		})
	}
}

func TestAnAnswerThatIsOfNoUseLeavesTheKeysInForce(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"an error":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"a page":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"no keys":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) },
		"other keys": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(idp.New("ES256").KeySet()) },
		"too much":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(strings.Repeat(" ", 2<<20))) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example", http.StatusFound)
		},
		"nothing, ever":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a set cut short": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(idp.New("EdDSA").KeySet()[:40]) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				i := idp.New("EdDSA")
				broken := false
				s := newSet(t, "issuers: [{name: ci, issuer: 'https://idp.example', audience: metagate, algorithms: [EdDSA], jwks_uri: 'https://idp.example/keys'}]",
					http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						assert.Equal(t, "idp.example", r.Host, "a redirect is followed")
						if broken {
							answer(w, r)
							return
						}
						i.ServeHTTP(w, r)
					}))
				ctx, cancel := context.WithCancel(t.Context())
				go s.Run(ctx)
				pass(time.Second)
				broken = true
				for range 12 {
					pass(time.Minute)
					accepted(t, s, i.Token(good(nil)))
				}
				require.Positive(t, s.Counts()[0].Failures)
				require.Equal(t, model.IssuerReadinessKeysStale, s.Ready()[0].Keys)
				cancel()
				synctest.Wait()
			})
		})
	}
}

func TestDiscoveryMustComeFromTheIssuerItself(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ issuer, keys string }{
		{"https://idp.example/", "https://idp.example/keys"},
		{"https://evil.example", "https://idp.example/keys"},
		{"", "https://idp.example/keys"},
		{"https://idp.example", "http://idp.example/keys"},
		{"https://idp.example", ""},
		{"https://idp.example", "file:///etc/passwd"},
	} {
		synctest.Test(t, func(t *testing.T) {
			i := idp.New("EdDSA")
			s := newSet(t, "issuers: [{name: ci, issuer: 'https://idp.example', audience: metagate, algorithms: [EdDSA]}]",
				http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == idp.Discovery {
						fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, c.issuer, c.keys)
						return
					}
					i.ServeHTTP(w, r)
				}))
			ctx, cancel := context.WithCancel(t.Context())
			go s.Run(ctx)
			pass(time.Minute)
			refused(t, s, i.Token(good(nil)), errs.Unavailable, notYet)
			require.Zero(t, i.Fetches.Load())
			cancel()
			synctest.Wait()
		})
	}
}

func TestAKeyFileIsReadAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := idp.New("EdDSA")
		file := write(t, "keys.json", string(i.KeySet()))
		s := newSet(t, "issuers: [{name: ci, issuer: 'https://idp.example', audience: metagate, algorithms: [EdDSA], jwks_file: "+file+"}]", nil)
		ctx, cancel := context.WithCancel(t.Context())
		go s.Run(ctx)
		old := i.Token(good(map[string]any{"exp": time.Now().Add(1000 * time.Hour).Unix()}))
		before := s.Generation()
		for range 3 {
			pass(24 * time.Hour)
			accepted(t, s, old)
		}
		require.Equal(t, before, s.Generation())
		write(t, file, `{"keys":[]}`)
		pass(time.Hour)
		accepted(t, s, old)
		i.Rotate()
		i.Withdraw()
		write(t, file, string(i.KeySet()))
		pass(readEvery)
		accepted(t, s, i.Token(good(nil)))
		_, err := s.Verify(old)
		require.Error(t, err)
		synctest.Wait()
		refused(t, s, old, errs.Unauthenticated, "unknown kid")
		cancel()
		synctest.Wait()
	})
}

func TestATokenForTheKeysIsSentToNobodyElse(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]string{"https://idp.example/keys": "Bearer secret", "https://other.example/keys": ""} {
		synctest.Test(t, func(t *testing.T) {
			i := idp.New("EdDSA")
			token := write(t, "token", "secret\n")
			s := newSet(t, "issuers: [{name: ci, issuer: 'https://idp.example', audience: metagate, algorithms: [EdDSA], token_file: "+token+"}]",
				http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == idp.Discovery {
						assert.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
						fmt.Fprintf(w, `{"issuer":"https://idp.example","jwks_uri":%q}`, keys)
						return
					}
					assert.Equal(t, want, r.Header.Get("Authorization"))
					i.ServeHTTP(w, r)
				}))
			ctx, cancel := context.WithCancel(t.Context())
			go s.Run(ctx)
			pass(time.Second)
			accepted(t, s, i.Token(good(nil)))
			cancel()
			synctest.Wait()
		})
	}
}
