package board_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
)

// tab is a page of a browser whose user is signed in as the first admin.
type tab struct {
	t       *testing.T
	a       *apptest.App
	ctx     context.Context
	browser context.Context
	console iter.Seq2[chromedp.ConsoleMessage, error]
}

// newBrowser starts a headless browser that ends with the test.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{os.Getenv("CHROME_PATH"), "chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); name != "" && err == nil {
			path = found
			break
		}
	}
	require.NotEmpty(t, path, "install chromium, or name a Chrome in CHROME_PATH")
	options := slices.Concat(chromedp.DefaultExecAllocatorOptions[:], []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.WindowSize(1280, 800),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("no-first-run", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("hide-scrollbars", true),
	})
	if os.Geteuid() == 0 { // Chromium's sandbox refuses root
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	browser, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	require.NoError(t, chromedp.Do(browser), "%s does not start", path)
	return browser
}

// openTab opens a page of its own, with cookies of its own.
func openTab(browser context.Context, t *testing.T, a *apptest.App) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(closeTab)
	require.NoError(t, chromedp.Do(ctx))                   // with a deadline from the start, the tab would end with it
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute) // a page that never gets there must not hang the run
	t.Cleanup(cancel)
	return &tab{t: t, a: a, ctx: ctx, browser: browser, console: chromedp.Console(ctx)}
}

// signIn fills in the form as a person does.
func (b *tab) signIn() {
	b.t.Helper()
	b.goTo("/board/login")
	b.do(chromedp.SendKeys(chromedp.CSS("#credential"), apptest.AdminKey+"\n"), chromedp.WaitVisible(chromedp.CSS("#tiles")))
}

func (b *tab) goTo(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.a.URL + path))
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for i, step := range steps {
		require.NoError(b.t, chromedp.Do(b.ctx, step), "step %d", i)
	}
}

func value[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	require.NoError(b.t, err, expression)
	return v
}

// awaited is the value of a promise.
func awaited[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err, "%.200s", expression)
	return v
}

// becomes waits for an expression to be true, and tells how long that took.
func (b *tab) becomes(expression string) time.Duration {
	b.t.Helper()
	began := time.Now()
	for !value[bool](b, expression) {
		require.NoError(b.t, b.ctx.Err(), "never: %s", expression)
		require.Less(b.t, time.Since(began), time.Minute, "never: %s", expression)
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

// complaints are the errors in the console since the last call: of scripts, and of
// what the Content-Security-Policy has blocked.
func (b *tab) complaints() []string {
	b.t.Helper()
	const mark = "so far"
	b.do(chromedp.Evaluate[chromedp.Void](`console.log('` + mark + `')`))
	var said []string
	for m, err := range b.console {
		require.NoError(b.t, err)
		if m.Text == mark {
			break
		}
		if m.Type == chromedp.ConsoleError || m.IsException() || m.Source == "security" {
			said = append(said, m.String()+" "+m.URL)
		}
	}
	return said
}

// looks are a scheme of colours and a width.
func (b *tab) looks(scheme string, width, height int64) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	require.NoError(b.t, err)
	b.do(chromedp.EmulateViewport(width, height))
}

// withoutScript switches JavaScript off.
func (b *tab) withoutScript() {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(b.t, err)
}

// axe is what axe-core finds wrong with the page as it is: nothing.
func (b *tab) axe(where string) {
	b.t.Helper()
	source, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	require.NoError(b.t, err, "npm ci installs it")
	if !value[bool](b, `'axe' in window`) {
		b.do(chromedp.Evaluate[chromedp.Void](string(source) + ";undefined"))
	}
	found := awaited[[]string](b, `axe.run(document, {resultTypes: ['violations', 'incomplete']}).then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + v.help + ' — ' + n.html + ' ' + n.failureSummary)))`)
	require.Empty(b.t, found, "axe-core: %s", where)
	checked := awaited[int](b, `axe.run(document).then(r => r.passes.length)`)
	require.Greater(b.t, checked, 10, "axe-core has looked at nothing: %s", where)
}

func (b *tab) picture(file string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(file, png, 0o600))
	fmt.Fprintln(os.Stderr, "made", file)
}
