package app_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// findBrowser gives the path of a Chromium or Chrome, or "".
func findBrowser() string {
	for _, name := range []string{
		os.Getenv("CHROME_PATH"), "chromium", "chromium-browser", "google-chrome", "chrome",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium",
	} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func TestSwaggerUIWorksInABrowserUnderItsContentSecurityPolicy(t *testing.T) {
	t.Parallel()
	path := findBrowser()
	if path == "" {
		const missing = "the browser test did not run: install chromium, or name a Chrome in CHROME_PATH"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Log(missing)
		fmt.Fprintln(os.Stderr, missing)
		return
	}
	a := apptest.Start(t, testdb.SQLite(t))
	browser := newBrowser(t, path)
	jwt, err := identity.Sign(apptest.JWTSecret, identity.DefaultAlgorithm, "admin", time.Hour, "", "", time.Now())
	require.NoError(t, err)

	for name, door := range map[string]struct{ scheme, credential string }{
		"with an API key": {"apiKeyAuth", apptest.AdminKey},
		"with a JWT":      {"bearerAuth", jwt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ui := openBrowserTab(browser, t)
			ui.do(chromedp.Navigate(a.URL+"/docs/"), chromedp.WaitVisible(chromedp.CSS(".opblock")))
			shown := valueOf(ui, chromedp.Evaluate[int](`document.querySelectorAll('.opblock').length`))
			require.Equal(t, countOperations(t), shown, "operations on the page")
			color := valueOf(ui, chromedp.Evaluate[string](`getComputedStyle(document.querySelector('.opblock-get')).borderTopColor`))
			require.Equal(t, "rgb(97, 175, 254)", color, "the style sheet is not in force")

			status, body := ui.execute("listPrincipals")
			require.Equal(t, "401", status, body)
			complaints := ui.complaints()
			require.Len(t, complaints, 1, "console errors and violations of the policy: %q", complaints)
			require.Contains(t, complaints[0], "status of 401", "the browser's own note of the answer")

			ui.authorize(door.scheme, door.credential)
			status, body = ui.execute("listPrincipals")
			require.Equal(t, "200", status, body)
			require.Contains(t, body, `"principal_key": "admin"`)
			require.Empty(t, ui.complaints(), "console errors and violations of the policy")
		})
	}
}

func TestSwaggerUIFillsInWhatWorksOneAfterTheOther(t *testing.T) {
	t.Parallel()
	path := findBrowser()
	if path == "" {
		return // the test above says so
	}
	a := apptest.Start(t, testdb.SQLite(t))
	ui := openBrowserTab(newBrowser(t, path), t)
	ui.do(chromedp.Navigate(a.URL+"/docs/"), chromedp.WaitVisible(chromedp.CSS(".opblock")))
	shown := valueOf(ui, chromedp.Evaluate[string](`[...document.querySelectorAll('.opblock')].slice(0,7).map(b => b.id.split('-').pop()).join(' ')`))
	require.Equal(t, "bootstrap watchPacket reportReady reportFailed getStartup getStartupPacket backfillStartups", shown, "in the order of openapi.yaml")
	ui.authorize("apiKeyAuth", apptest.AdminKey)
	for _, operation := range []string{"createPrincipal", "getPrincipal", "createProfile", "updateProfile", "createManifest", "createBinding", "createSecretRef", "createAPIKey"} {
		status, body := ui.execute(operation)
		require.Equal(t, map[bool]string{true: "201", false: "200"}[strings.HasPrefix(operation, "create")], status, "%s: %s", operation, body)
	}
	status, body := ui.execute("applyWorld")
	require.Equal(t, "200", status, body)
	require.Contains(t, body, `"dry_run": true`)
}

// countOperations is how many the contract has.
func countOperations(t *testing.T) (n int) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(metagate.OpenAPI)
	require.NoError(t, err)
	for _, item := range doc.Paths.Map() {
		n += len(item.Operations())
	}
	return n
}

// newBrowser starts a headless browser that ends with the test.
func newBrowser(t *testing.T, path string) context.Context {
	t.Helper()
	options := slices.Concat(chromedp.DefaultExecAllocatorOptions[:], []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.WindowSize(1280, 1600),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("no-first-run", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
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

// browserTab is a page of the browser, and what the browser says in its console.
type browserTab struct {
	t       *testing.T
	ctx     context.Context
	console iter.Seq2[chromedp.ConsoleMessage, error]
}

// openBrowserTab opens an empty page and listens.
func openBrowserTab(browser context.Context, t *testing.T) *browserTab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(closeTab)
	require.NoError(t, chromedp.Do(ctx))                   // with a deadline from the start, the tab would end with it
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute) // a page that never gets there must not hang the run
	t.Cleanup(cancel)
	return &browserTab{t: t, ctx: ctx, console: chromedp.Console(ctx)}
}

// complaints are the errors in the console since the last call.
func (ui *browserTab) complaints() []string {
	ui.t.Helper()
	const mark = "so far"
	ui.do(chromedp.Evaluate[chromedp.Void](`console.log('` + mark + `')`))
	var said []string
	for m, err := range ui.console {
		require.NoError(ui.t, err)
		if m.Text == mark {
			break
		}
		if m.Type == chromedp.ConsoleError || m.IsException() || m.Source == "security" {
			said = append(said, m.String()+" "+m.URL)
		}
	}
	return said
}

func (ui *browserTab) do(steps ...chromedp.Action[chromedp.Void]) {
	ui.t.Helper()
	for i, step := range steps {
		require.NoError(ui.t, chromedp.Do(ui.ctx, step), "step %d", i)
	}
}

// valueOf runs an action and gives its value.
func valueOf[T any](ui *browserTab, a chromedp.Action[T]) T {
	ui.t.Helper()
	v, err := chromedp.Run(ui.ctx, a)
	require.NoError(ui.t, err)
	return v
}

// authorize fills in the Authorize dialog as a person does.
func (ui *browserTab) authorize(scheme, credential string) {
	ui.t.Helper()
	form := fmt.Sprintf(`//div[contains(@class,"modal-ux")]//form[.//h4[contains(.,%q)]]`, scheme)
	ui.do(
		chromedp.Click(chromedp.CSS(".auth-wrapper .btn.authorize"), chromedp.NodeVisible),
		chromedp.WaitVisible(form),
		chromedp.SendKeys(form+"//input", credential),
		chromedp.Click(form+`//button[@type="submit"]`),
		chromedp.WaitVisible(form+`//button[contains(.,"Logout")]`),
		chromedp.Click(chromedp.CSS(".modal-ux .btn-done")),
		chromedp.WaitNotPresent(chromedp.CSS(".modal-ux")),
	)
}

// execute opens an operation, presses Execute, and reads the answer.
func (ui *browserTab) execute(operation string) (status, body string) {
	ui.t.Helper()
	block := fmt.Sprintf(`.opblock[id$="-%s"]`, operation)
	answer := block + " .live-responses-table .response "
	if valueOf(ui, chromedp.Evaluate[bool](`document.querySelector('`+block+`').classList.contains('is-open')`)) {
		ui.do(
			chromedp.Click(chromedp.CSS(block+" .btn-clear"), chromedp.NodeVisible), // the answer before
			chromedp.WaitNotPresent(chromedp.CSS(answer)),
		)
	} else {
		ui.do(chromedp.Click(chromedp.CSS(block+" .opblock-summary-control"), chromedp.NodeVisible))
	}
	ui.do(
		chromedp.Click(chromedp.CSS(block+" .execute"), chromedp.NodeVisible),
		chromedp.WaitVisible(chromedp.CSS(answer)),
	)
	status = valueOf(ui, chromedp.Text(chromedp.CSS(answer+".response-col_status")))
	body = valueOf(ui, chromedp.Text(chromedp.CSS(answer+".response-col_description")))
	return strings.TrimSpace(status), body
}
