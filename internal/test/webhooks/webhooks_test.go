// Package webhooks holds what a sink is sent against the libraries of both specifications.
package webhooks

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

func secret(of string) string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(of)) }

var former, latter = secret("the former one of thirty-two byte"), secret("the latter one of thirty-two byte")

type got struct {
	header http.Header
	body   []byte
	event  *event.Event
	err    error
}

func TestWhatASinkIsSentIsACloudEventSignedByStandardWebhooks(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		received := make(chan got, 100)
		hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			e, err := cehttp.NewEventFromHTTPRequest(r)
			received <- got{r.Header, body, e, err}
		}))
		t.Cleanup(hook.Close)
		dir := t.TempDir()
		secrets := filepath.Join(dir, "secret")
		require.NoError(t, os.WriteFile(secrets, []byte(former), 0o600))
		file := filepath.Join(dir, "sinks.yaml")
		require.NoError(t, os.WriteFile(file, []byte("sinks: [{name: hook, kind: webhook, allow_private: true, secret_file: secret, url: '"+hook.URL+"'}]"), 0o600))
		a := apptest.Start(t, url, func(c *app.Config) { c.SinksFile = file })
		admin := a.AdminClient(t)
		require.Eventually(t, func() bool {
			return len(*apptest.Got(admin.ListSinksWithResponse(t.Context())).Is(t, 200).JSON200) == 1
		}, time.Minute, 20*time.Millisecond)

		change := func(key string) got {
			apptest.Got(admin.CreateProfileWithResponse(t.Context(), nil, model.ProfileCreate{ProfileKey: key})).Is(t, 201)
			for {
				select {
				case g := <-received:
					if bytes.Contains(g.body, []byte(`"resource_key":"`+key+`"`)) { // and not the first admin's
						return g
					}
				case <-time.After(time.Minute):
					require.FailNow(t, "nothing was told")
				}
			}
		}
		verify := func(g got, with string, good bool) {
			t.Helper()
			w, err := standard.NewWebhook(with)
			require.NoError(t, err)
			err = w.Verify(g.body, g.header)
			require.Equal(t, good, err == nil, "%v", err)
		}
		g := change("one")
		verify(g, former, true)
		verify(g, latter, false)
		require.NoError(t, g.err)
		require.NoError(t, g.event.Validate())
		require.Equal(t, []string{"metagate.world.changed", g.header.Get("Webhook-Id"), "urn:metagate:tenant:default", "1.0"},
			[]string{g.event.Type(), g.event.ID(), g.event.Source(), g.event.SpecVersion()})
		var data struct{ Actor string }
		require.NoError(t, g.event.DataAs(&data))
		require.Equal(t, "admin", data.Actor)
		g.body = append(g.body, ' ')
		verify(g, former, false)

		// While one secret replaces another both are good.
		require.NoError(t, os.WriteFile(secrets, []byte(latter+"\n"+former), 0o600))
		g = change("two")
		verify(g, former, true)
		verify(g, latter, true)
		require.NoError(t, os.WriteFile(secrets, []byte(latter), 0o600))
		g = change("three")
		verify(g, former, false)
		verify(g, latter, true)
	})
}
