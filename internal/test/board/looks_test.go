// Package board_test tries the board in a real browser, against the real server.
package board_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestAxeFindsNothingInAnyPage(t *testing.T) {
	a, created := mesh(t, testdb.SQLite(t), func(w *apptest.World) { w.Profiles[2].StartupSLASeconds = 1 })
	id, overdue := populate(t, a, created)
	b := openTab(newBrowser(t), t, a)
	b.goTo("/board/login")
	b.axe("login")
	b.signIn()
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{360, 1280} {
			b.looks(scheme, width, 800)
			for _, path := range []string{"/board/", "/board/?state=NEVER", "/board/?q=nobody", "/board/startups/" + id, "/board/startups/" + overdue, "/board/outcomes", "/board/changes", "/board/blast", "/board/nothing"} {
				b.goTo(path)
				b.axe(fmt.Sprintf("%s %s %d", path, scheme, width))
				wide := value[int](b, `document.documentElement.scrollWidth`)
				require.LessOrEqual(t, wide, int(width), "%s is wider than the window", path)
			}
		}
	}
	complaints := b.complaints()
	require.Empty(t, strings.Join(complaints[:max(0, len(complaints)-4)], "\n"), "but for the pages that aren't there")
}

// populate has something in every state, and two versions of the manifest.
func populate(t *testing.T, a *apptest.App, created apptest.Created) (failed, overdue string) {
	t.Helper()
	worker := as(t, a, created, "worker-pool")
	overdue = worker.open(model.BootstrapRequest{ComponentKey: "worker_2", InstanceID: "pod-7f9"}).String()
	for _, version := range []int{1, 2} {
		for i := range 6 {
			for _, principal := range []string{"memorygate", "receiptgate", "asyncgate", "cognigate", "interview"} {
				if principal == "interview" && version == 2 {
					continue // its packet is outdated
				}
				c := as(t, a, created, principal)
				instance := fmt.Sprintf("pod-%d", i%2)
				id := c.open(model.BootstrapRequest{ComponentKey: principal, InstanceID: instance, Host: "node-3"})
				time.Sleep(time.Duration(version*i) * 5 * time.Millisecond) // so that there is a distribution
				c.ready(id, fmt.Sprintf("1.4.%d", version))
			}
		}
		if version == 1 {
			m := apptest.Got(a.AdminClient(t).GetManifestWithResponse(t.Context(), created.Manifests["legivellum-mesh"].String())).Is(t, 200).JSON200
			body := bytes.Replace(m.Services, []byte("http://memorygate:8001/mcp"), []byte("http://memorygate:9001/mcp"), 1)
			apptest.Got(a.AdminClient(t).UpdateManifestWithBodyWithResponse(t.Context(), m.ID.String(), &model.UpdateManifestParams{MetagateReason: new("memorygate moves to port 9001, see 4711")},
				"application/merge-patch+json", strings.NewReader(`{"services":`+string(body)+`}`))).Is(t, 200)
		}
	}
	depot := as(t, a, created, "depotgate")
	id := depot.open(model.BootstrapRequest{ComponentKey: "depotgate", InstanceID: "pod-1"})
	depot.failed(id, "port 8000 is taken")
	worker.ready(worker.open(model.BootstrapRequest{ComponentKey: "worker_1", InstanceID: "pod-2a1"}), "0.9.1")
	as(t, a, created, "delegate").open(model.BootstrapRequest{ComponentKey: "delegate"})
	return id.String(), overdue
}

func TestFiveThousandRowsStaySmooth(t *testing.T) {
	a := apptest.Start(t, testdb.SQLite(t))
	w := apptest.ReadWorld(t, "../../../examples/legivellum-mesh.yaml").World
	w.Principals, w.Bindings = nil, nil
	for i := range 5000 {
		key := fmt.Sprintf("unit-%04d", i)
		w.Principals = append(w.Principals, model.PrincipalCreate{PrincipalKey: key, AuthSubject: key, PrincipalType: "component"})
		w.Bindings = append(w.Bindings, model.WorldBinding{Principal: key, Profile: "gate", Manifest: "legivellum-mesh"})
	}
	apptest.Got(a.AdminClient(t).ApplyWorldWithResponse(t.Context(), nil, w)).Is(t, 200)
	p := apptest.Got(a.AdminClient(t).GetPrincipalWithResponse(t.Context(), "key:unit-0000")).Is(t, 200).JSON200
	key := apptest.Got(a.AdminClient(t).CreateAPIKeyWithResponse(t.Context(), nil, model.APIKeyCreate{PrincipalID: p.ID.String(), Name: "k"})).Is(t, 201).JSON201.APIKey
	c := starter{t, a.Client(t, key)}
	b := openTab(newBrowser(t), t, a)
	b.signIn()
	b.becomes(`document.querySelector('#live').dataset.live === 'on'`)
	require.Contains(t, value[string](b, `document.querySelector('#count').textContent`), "1–200 of 5000")
	require.Equal(t, 200, value[int](b, `document.querySelectorAll('#body tr').length`))

	// How smooth it is depends on the machine, and is told; how much is drawn doesn't, and is counted.
	b.do(chromedp.Evaluate[chromedp.Void](`window.long = []; new PerformanceObserver(l => long.push(...l.getEntries().map(e => e.duration))).observe({entryTypes: ['longtask']});
		window.drawn = 0; new MutationObserver(all => drawn += all.reduce((n, m) => n + m.addedNodes.length, 0)).observe(document.querySelector('#body'), {childList: true});
		window.frames_ = []; let last = 0; const f = t => { if (last) frames_.push(t - last); last = t; requestAnimationFrame(f); }; requestAnimationFrame(f); undefined`))
	var slowest time.Duration
	for i := range 10 {
		c.open(model.BootstrapRequest{ComponentKey: "unit-0000", InstanceID: fmt.Sprintf("pod-%d", i)})
		began := time.Now()
		b.becomes(fmt.Sprintf(`document.querySelector('#tiles [data-state=OPEN] strong').textContent === '%d'`, i+1))
		slowest = max(slowest, time.Since(began))
		b.do(chromedp.Evaluate[chromedp.Void](`window.scrollBy(0, 400); undefined`))
	}
	frames := value[[]float64](b, `frames_.toSorted((a, b) => a - b)`)
	long := value[[]float64](b, `long`)
	size := awaited[int](b, `fetch(location.href).then(() => performance.getEntriesByType('resource').filter(e => e.name === location.href).at(-1).encodedBodySize)`)
	t.Logf("10 startups among 5,000 rows: shown at the latest after %s, %d frames, half within %.1f ms, 95 %% within %.1f ms, tasks beyond 50 ms: %v, page of %d bytes",
		slowest, len(frames), frames[len(frames)/2], frames[len(frames)*95/100], long, size)
	require.Less(t, size, 60<<10, "a page is small on its way")
	require.LessOrEqual(t, value[int](b, `drawn`), 40, "of 200 rows those are drawn that changed, and the last of the page")
	require.Empty(t, b.complaints())
}

// With PICTURES=1 the pictures of the documentation are made anew.
func TestThePicturesShowTheBoard(t *testing.T) {
	a, created := mesh(t, testdb.SQLite(t), func(w *apptest.World) {
		w.Profiles[2].StartupSLASeconds = 1
	})
	for principal, team := range map[string]string{
		"asyncgate": "flow", "cognigate": "agents", "delegate": "agents", "depotgate": "storage", "interview": "people", "interrogate": "people",
		"memorygate": "storage", "receiptgate": "ledger", "worker-pool": "ingest",
	} {
		apptest.Got(a.AdminClient(t).UpdateBindingWithBodyWithResponse(t.Context(), created.Bindings[principal], nil, "application/merge-patch+json",
			strings.NewReader(`{"labels":{"owner":"team-`+team+`"}}`))).Is(t, 200)
	}
	populate(t, a, created)
	b := openTab(newBrowser(t), t, a)
	b.signIn()
	for _, scheme := range []string{"light", "dark"} {
		b.looks(scheme, 1280, 680)
		b.goTo("/board/")
		b.becomes(`document.querySelector('#live').dataset.live === 'on' && document.querySelector('#tiles [data-state=OVERDUE] strong').textContent === '1'`)
		require.Equal(t, 0, value[int](b, `[...document.querySelectorAll('.tile[data-none]')].length`), "something in every state")
		if os.Getenv("PICTURES") != "" && scheme == "light" {
			b.picture("../../../docs/board.png")
		}
	}
	if dir := os.Getenv("PICTURES_OF_ALL"); dir != "" {
		for _, width := range []int64{360, 1280} {
			b.looks("light", width, 900)
			for name, path := range map[string]string{"now": "/board/", "outcomes": "/board/outcomes", "changes": "/board/changes", "blast": "/board/blast"} {
				b.goTo(path)
				b.picture(fmt.Sprintf("%s/%s-%d.png", dir, name, width))
			}
			b.goTo("/board/?packet=outdated")
			b.do(chromedp.Click(chromedp.CSS("#body a")), chromedp.WaitVisible(chromedp.CSS("#timeline")))
			b.picture(fmt.Sprintf("%s/startup-%d.png", dir, width))
		}
	}
}
