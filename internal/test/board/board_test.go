// Package board_test tries the board in a real browser, against the real server.
package board_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// mesh is the example's world on a server of its own.
func mesh(t *testing.T, url string, edit func(*apptest.World)) (*apptest.App, apptest.Created) {
	t.Helper()
	a := apptest.Start(t, url)
	w := apptest.ReadWorld(t, "../../../examples/legivellum-mesh.yaml")
	if edit != nil {
		edit(&w)
	}
	return a, w.Create(t, a)
}

type starter struct {
	t *testing.T
	c *client.ClientWithResponses
}

func (s starter) open(r model.BootstrapRequest) uuid.UUID {
	s.t.Helper()
	for { // a component tries again, too, where the machine is busy
		answer, err := s.c.BootstrapWithResponse(s.t.Context(), nil, r)
		if err != nil || answer.StatusCode() != http.StatusServiceUnavailable {
			return apptest.Got(answer, err).Is(s.t, http.StatusOK).JSON200.Startup.StartupID
		}
	}
}

func (s starter) ready(id uuid.UUID, build string) {
	s.t.Helper()
	for {
		answer, err := s.c.ReportReadyWithResponse(s.t.Context(), model.ReadyReport{StartupID: id, BuildVersion: build})
		if err != nil || answer.StatusCode() != http.StatusServiceUnavailable {
			apptest.Got(answer, err).Is(s.t, http.StatusOK)
			return
		}
	}
}

func (s starter) failed(id uuid.UUID, why string) {
	s.t.Helper()
	for {
		answer, err := s.c.ReportFailedWithResponse(s.t.Context(), model.FailedReport{StartupID: id, Error: why})
		if err != nil || answer.StatusCode() != http.StatusServiceUnavailable {
			apptest.Got(answer, err).Is(s.t, http.StatusOK)
			return
		}
	}
}

func as(t *testing.T, a *apptest.App, created apptest.Created, principal string) starter {
	t.Helper()
	return starter{t, a.Client(t, created.APIKeys[principal])}
}

func TestAStartupShowsWithinASecondAndTurnsOverdueByItself(t *testing.T) {
	browser := newBrowser(t)
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		a, created := mesh(t, url, func(w *apptest.World) {
			for i := range w.Profiles {
				w.Profiles[i].StartupSLASeconds = 3
			}
		})
		b := openTab(browser, t, a)
		b.signIn()
		b.becomes(`document.querySelector('#live').dataset.live === 'on'`)
		c := as(t, a, created, "memorygate")
		var slowest time.Duration
		for i := range 5 {
			instance := fmt.Sprintf("pod-%d", i)
			id := c.open(model.BootstrapRequest{ComponentKey: "memorygate", InstanceID: instance})
			took := b.becomes(fmt.Sprintf(`!!document.querySelector('a[href$=%q]')`, id.String()))
			slowest = max(slowest, took)
			c.ready(id, "1.4.2")
			slowest = max(slowest, b.becomes(fmt.Sprintf(`document.querySelector('a[href$=%q]').closest('tr').textContent.includes('READY')`, id.String())))
		}
		t.Logf("shown at the latest %s after its answer", slowest)
		require.Less(t, slowest, 20*time.Second, "it was told, and not found by the refresh of each half minute")

		id := c.open(model.BootstrapRequest{ComponentKey: "memorygate", InstanceID: "silent"})
		row := fmt.Sprintf(`document.querySelector('a[href$=%q]')?.closest('tr')`, id.String())
		b.becomes(row + `?.querySelector('.state').textContent === 'OPEN'`)
		before := value[float64](b, row+`.querySelector('progress').value`)
		b.becomes(row + `.querySelector('progress')?.value < ` + fmt.Sprint(before))
		b.becomes(row + `?.querySelector('.state').textContent === 'OVERDUE'`)
		b.becomes(`document.querySelector('#tiles [data-state=OVERDUE] strong').textContent === '1'`)
		b.becomes(row + `.querySelector('.ack') !== null`)

		// Its page, acknowledged by a person.
		b.goTo("/board/startups/" + id.String())
		b.do(chromedp.SendKeys(chromedp.CSS("#reason"), "decommissioned\n"))
		b.becomes(`document.querySelector('#head .state')?.textContent === 'ACKNOWLEDGED'`)
		require.Empty(t, b.complaints())
	})
}

func TestAPageOfAStartupFollowsIt(t *testing.T) {
	a, created := mesh(t, testdb.SQLite(t), nil)
	b := openTab(newBrowser(t), t, a)
	b.signIn()
	c := as(t, a, created, "depotgate")
	id := c.open(model.BootstrapRequest{ComponentKey: "depotgate"})
	b.goTo("/board/startups/" + id.String())
	b.becomes(`document.querySelector('#live').dataset.live === 'on'`)
	require.Equal(t, "OPEN", value[string](b, `document.querySelector('#head .state').textContent`))
	c.failed(id, "port 8000 is taken")
	b.becomes(`document.querySelector('#head .state').textContent === 'FAILED'`)
	require.Contains(t, value[string](b, `document.querySelector('#timeline').textContent`), "port 8000 is taken")
	require.Empty(t, b.complaints())
}

func TestTheKeyboardLeadsThroughTheBoard(t *testing.T) {
	a, created := mesh(t, testdb.SQLite(t), nil)
	b := openTab(newBrowser(t), t, a)
	as(t, a, created, "depotgate").open(model.BootstrapRequest{ComponentKey: "depotgate"})
	as(t, a, created, "memorygate").open(model.BootstrapRequest{ComponentKey: "memorygate"})
	b.signIn()
	b.becomes(`document.querySelector('#live').dataset.live === 'on'`)
	focused := `document.activeElement.textContent`
	b.do(chromedp.KeyEvent("j"))
	first := value[string](b, focused)
	b.do(chromedp.KeyEvent("j"))
	second := value[string](b, focused)
	require.NotEqual(t, first, second)
	later := "receiptgate"
	if first == later || second == later {
		later = "interview"
	}
	as(t, a, created, later).open(model.BootstrapRequest{ComponentKey: later})
	b.becomes(`document.querySelector('#tiles [data-state=OPEN] strong').textContent === '3'`)
	require.Equal(t, second, value[string](b, focused), "what is live takes no focus away")
	as(t, a, created, second).open(model.BootstrapRequest{ComponentKey: map[string]string{"worker-pool": "worker_1"}[second] + strings.TrimSuffix(second, "worker-pool")})
	b.becomes(`document.querySelector('#tiles [data-state=OPEN] strong').textContent === '4'`)
	require.True(t, value[bool](b, `document.activeElement.closest('#body tr') !== null`), "not even where its row has gone")
	b.do(chromedp.KeyEvent("kkk"))
	require.Equal(t, first, value[string](b, focused))
	b.do(chromedp.KeyEvent("?"))
	require.True(t, value[bool](b, `document.querySelector('#help').open`))
	b.axe("the help")
	b.do(chromedp.KeyEvent("\u001b"))
	require.False(t, value[bool](b, `document.querySelector('#help').open`))
	b.do(chromedp.KeyEvent("/"))
	require.Equal(t, "q", value[string](b, `document.activeElement.id`))
	b.do(chromedp.Evaluate[chromedp.Void](`document.activeElement.value = ''; undefined`)) // DevTools types a key even where the page takes it
	b.do(chromedp.KeyEvent("memorygate\r"))
	b.becomes(`location.search.includes('q=memorygate') && document.querySelectorAll('#body tr').length === 1 && document.querySelector('#live').dataset.live === 'on'`)
	b.do(chromedp.KeyEvent("j"), chromedp.KeyEvent("\r"))
	b.becomes(`location.pathname.startsWith('/board/startups/') && document.querySelector('#live')?.dataset.live === 'on'`)
	b.do(chromedp.KeyEvent("3"))
	b.becomes(`location.pathname === '/board/changes'`)
	require.Empty(t, b.complaints())
}

func TestWhatAComponentSaysRunsInNoBrowser(t *testing.T) {
	a, created := mesh(t, testdb.SQLite(t), nil)
	b := openTab(newBrowser(t), t, a)
	b.signIn()
	b.becomes(`document.querySelector('#live').dataset.live === 'on'`)
	c := as(t, a, created, "asyncgate")
	for _, text := range []string{
		`<script>window.hit = 1</script>`, `"><img src=x onerror="window.hit=1">`, `javascript:window.hit=1`, `</td></tr></table><svg onload="window.hit=1">`,
		`' autofocus onfocus='window.hit=1`, `<iframe srcdoc="<script>parent.hit=1</script>">`,
	} {
		id := c.open(model.BootstrapRequest{ComponentKey: "asyncgate", InstanceID: text, Host: text})
		c.failed(id, text)
		quoted := fmt.Sprintf("%q", text)
		b.becomes(`[...document.querySelectorAll('#body small')].some(e => e.textContent === ` + quoted + `)`)
		require.Zero(t, value[int](b, `document.querySelectorAll('#body :is(script, img, svg, iframe), #body [onfocus]').length`))
		other := openTab(b.browser, t, a)
		other.signIn()
		other.goTo("/board/startups/" + id.String())
		require.Contains(t, value[string](other, `document.querySelector('#receipt').textContent`), text)
		require.False(t, value[bool](other, `'hit' in window`))
		require.Empty(t, other.complaints())
	}
	require.False(t, value[bool](b, `'hit' in window`))
	require.Empty(t, b.complaints())
}

func TestTheBoardWorksWithoutJavaScript(t *testing.T) {
	a, created := mesh(t, testdb.SQLite(t), nil)
	b := openTab(newBrowser(t), t, a)
	c := as(t, a, created, "depotgate")
	c.failed(c.open(model.BootstrapRequest{ComponentKey: "depotgate"}), "port 8000 is taken")
	b.withoutScript()
	b.signIn()
	b.do(
		chromedp.Click(chromedp.CSS(`.tile[data-state=FAILED]`)), chromedp.WaitVisible(chromedp.CSS(`.tile[aria-current]`)),
		chromedp.Click(chromedp.CSS(`#body a`)), chromedp.WaitVisible(chromedp.CSS(`#timeline`)),
		chromedp.Click(chromedp.CSS(`header nav a:nth-of-type(4)`)), chromedp.WaitVisible(chromedp.CSS(`#world`)),
		chromedp.SendKeys(chromedp.CSS(`#world`), "tenant_key: default\nprofiles: [{profile_key: 1}]"),
		chromedp.Click(chromedp.CSS(`main form button`)), chromedp.WaitVisible(chromedp.CSS(`.places`)),
		chromedp.Click(chromedp.CSS(`header form button`)), chromedp.WaitVisible(chromedp.CSS(`#credential`)),
	)
}
