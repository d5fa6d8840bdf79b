package componentcli

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestWrongUsageIsOneLineThatSaysWhatToDoAndExits2(t *testing.T) {
	t.Parallel()
	good := []string{"METAGATE_URL=http://127.0.0.1:1", "METAGATE_API_KEY=mgk_x", "METAGATE_COMPONENT=web"}
	for name, tc := range map[string]struct {
		env  []string
		args []string
		want string
	}{
		"no command":            {good, []string{"exec"}, "<cmd>"},
		"nothing behind the --": {good, []string{"exec", "--"}, "metagate exec -- CMD"},
		"no server":             {good[1:], []string{"exec", "--", "true"}, "METAGATE_URL"},
		"no component":          {good[:2], []string{"exec", "--", "true"}, "METAGATE_COMPONENT"},
		"no key":                {append(good[:1:1], good[2]), []string{"exec", "--", "true"}, "METAGATE_API_KEY"},
		"two keys":              {append(good, "METAGATE_API_KEY_FILE=/k"), []string{"exec", "--", "true"}, "METAGATE_API_KEY_FILE"},
		"no readiness":          {good, []string{"exec", "--ready=up", "--", "true"}, "notify"},
		"no port":               {good, []string{"exec", "--ready=tcp:http", "--", "true"}, "HOST:PORT"},
		"no URL":                {good, []string{"exec", "--ready=http:", "--", "true"}, "http:8080/health"},
		"no regexp":             {good, []string{"exec", "--ready=log:(", "--", "true"}, "missing closing"},
		"no time":               {good, []string{"exec", "--ready=after:soon", "--", "true"}, "2s"},
		"no path":               {good, []string{"exec", "--ready=file:", "--", "true"}, "path"},
		"no program":            {good, []string{"exec", `--ready=exec:["`, "--", "true"}, "redis-cli"},
		"no variable":           {good, []string{"exec", "--map=services.x=1X", "--", "true"}, "MEMORYGATE_URL"},
		"no target":             {good, []string{"exec", "--template=/x", "--", "true"}, "/run/app.conf"},
		"no mode":               {good, []string{"exec", "--file-mode=rw", "--", "true"}, "0640"},
		"fetch to nowhere":      {good, []string{"fetch"}, "METAGATE_PACKET_FILE"},
		"a probe of nothing":    {good, []string{"healthcheck", "--startup"}, "METAGATE_PACKET_FILE"},
		"a probe of the server": {good, []string{"healthcheck"}, "--startup"},
		"a probe without a way": {good, []string{"healthcheck", "--startup", "--packet-file=/nowhere"}, "METAGATE_READY"},
		"a probe of the log":    {good, []string{"healthcheck", "--startup", "--packet-file=/nowhere", "--ready=log:x"}, "metagate exec"},
		"an unknown flag":       {good, []string{"exec", "--prot", "--", "true"}, "--prot"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, tc.env, tc.args...)
			require.Equal(t, 2, r.code, r.log)
			require.Empty(t, r.out)
			require.Equal(t, 1, strings.Count(r.log, "\n"), r.log)
			require.Contains(t, r.log, tc.want)
		})
	}
}

func TestTheExitStatusTellsWhyACommandWasNotStarted(t *testing.T) {
	t.Parallel()
	l := sqlite(t)
	plain := filepath.Join(t.TempDir(), "plain")
	require.NoError(t, os.WriteFile(plain, []byte("x"), 0o600))

	r := sh(t, append(l.env(), "METAGATE_API_KEY=mgk_wrong"), "echo started")
	require.Equal(t, 69, r.code, "refused")
	require.Contains(t, r.log, "UNAUTHENTICATED")
	require.Empty(t, r.out)
	r = sh(t, append(l.env(), "METAGATE_URL=http://127.0.0.1:1", "METAGATE_BUDGET=200ms"), "echo started")
	require.Equal(t, 75, r.code, "unavailable")
	require.Contains(t, r.log, "http://127.0.0.1:1")
	require.Empty(t, r.out)
	r = sh(t, append(l.env()[:1], l.env()[2], "METAGATE_API_KEY_FILE=/nowhere/key"), "echo started")
	require.Equal(t, 78, r.code, "no key")
	require.Contains(t, r.log, "/nowhere/key")

	for name, code := range map[string]int{"no-such-command": 127, "/nowhere/at/all": 127, plain: 126} {
		r = run(t, l.env(), "exec", "--", name)
		require.Equal(t, code, r.code, name)
		require.Equal(t, 1, strings.Count(r.log, "\n"), r.log)
		s := l.startup(t)
		require.Equal(t, model.StartupStatusFAILED, s.Status)
		require.Contains(t, s.Error.MustGet(), name)
	}
}

func TestWhatTheCommandNeedsAndIsMissingExits78AndIsReportedByName(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a, model.SecretRefCreate{SecretKey: "db", RefName: "DB_PASSWORD"})
		r := sh(t, l.env(), "echo started")
		require.Equal(t, 78, r.code)
		require.Contains(t, r.log, "db (environment variable DB_PASSWORD is not set)")
		require.Equal(t, map[string]any{"missing": []any{"db"}}, l.details(t))

		env := append(l.env(), "DB_PASSWORD=secret")
		r = sh(t, env, "echo started", "--map=services.none.endpoint=A", "--map=services.memorygate.endpoint.x=B", "--map=manifest=C")
		require.Equal(t, 78, r.code)
		require.Empty(t, r.out)
		require.Equal(t, []any{"services.none.endpoint (for A)", "services.memorygate.endpoint.x (for B)"}, l.details(t)["missing"])

		template := filepath.Join(t.TempDir(), "t")
		for text, want := range map[string]string{
			"{{.services.other.endpoint}}": "other", `{{get "services.other"}}`: "services.other", `{{index .services "other"}}`: "index",
			`{{env "NOWHERE"}}`: "NOWHERE", `{{secret "other"}}`: "other", "{{": "unclosed",
		} {
			require.NoError(t, os.WriteFile(template, []byte(text), 0o600))
			r = sh(t, env, "echo started", "--template="+template+":"+template+".out")
			require.Equal(t, 78, r.code, text)
			require.Contains(t, r.log, want)
			require.Contains(t, l.startup(t).Error.MustGet(), want)
			require.NoFileExists(t, template+".out")
		}
	})
}

func TestTheCommandGetsThePacketInAFileInVariablesAndInTemplates(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a, model.SecretRefCreate{SecretKey: "db", RefName: "DB_PASSWORD"})
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(dir+"/t", []byte(`{{.services.memorygate.endpoint}} {{.services.memorygate.limit}} {{get "/services/memory.gate/port"}}
{{secret "db"}} {{env "HOME_OF"}} {{json .services.memorygate}}
`), 0o600))
		r := sh(t, append(l.env(), "DB_PASSWORD=s3cret", "HOME_OF=x", "PORT=tcp://10.0.0.1:80", "EMPTY="), `
			grep -o '"manifest":"m"' "$METAGATE_PACKET_FILE"; stat -c %a "$METAGATE_PACKET_FILE" out; test -n "$METAGATE_STARTUP_ID" && echo "$METAGATE_STARTUP_ID" > id
			echo "$URL|$LIMIT|$ALL|$OTHER|$PORT|$M|$PORT2|${EMPTY-unset}"; cat out`,
			"--ready=exit", "--map=services.memorygate.endpoint=URL", "--map=services.memorygate.limit=LIMIT", "--map=services.memorygate=ALL",
			"--map=services.other=OTHER?a?b=c", "--map=manifest=M", "--map=/services/memory.gate/port=PORT2", "--template="+dir+"/t:out")
		require.Zero(t, r.code, r.log)
		require.Empty(t, r.log)
		require.Equal(t, `"manifest":"m"
600
600
http://memorygate:8001/mcp|1.10|{"endpoint":"http://memorygate:8001/mcp","limit":1.10}|a?b=c|tcp://10.0.0.1:80|m|8001|
http://memorygate:8001/mcp 1.10 8001
s3cret x {"endpoint":"http://memorygate:8001/mcp","limit":1.10}
`, r.out)
		require.Equal(t, model.StartupStatusREADY, l.startup(t).Status)

		for _, maps := range []string{"manifest=M\n/services/memory.gate/port=PORT2\n", `["manifest=M", "/services/memory.gate/port=PORT2"]`} {
			require.Equal(t, "m 8001\n", sh(t, append(l.env(), "DB_PASSWORD=s3cret", "METAGATE_MAP="+maps), `echo "$M $PORT2"`, "--ready=exit").out)
		}
	})
}

func TestAnExecWithinAnExecLeavesTheOuterOnesPacketAlone(t *testing.T) {
	t.Parallel()
	l, dir := sqlite(t), t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	const id = `grep -o "$METAGATE_STARTUP_ID" "$METAGATE_PACKET_FILE"`
	inner := `export ` + beMetagate + `=1; ` + self + ` exec --ready=exit %s -- sh -c '` + id + `; echo "$METAGATE_PACKET_FILE"' || exit 9; `
	for _, outer := range [][]string{nil, {"--packet-file=" + dir + "/outer.json"}} {
		r := sh(t, l.env(), fmt.Sprintf(inner, "")+id, append(outer, "--ready=exit", "--keep-key")...)
		require.Zero(t, r.code, r.log)
		all := l.startups(t)
		lines := strings.Fields(r.out)
		require.Len(t, lines, 3)
		require.Equal(t, []string{all[0].StartupID.String(), all[1].StartupID.String()}, []string{lines[0], lines[2]})
		require.NotEqual(t, dir+"/outer.json", lines[1])
		require.NoFileExists(t, dir+"/outer.json", "it is removed at the end of its own")
	}
	r := sh(t, l.env(), fmt.Sprintf(inner, "--packet-file="+dir+"/inner.json")+id, "--ready=exit", "--keep-key")
	require.Zero(t, r.code, r.log)
	require.Contains(t, r.out, "\n"+dir+"/inner.json\n", "it is said")
}

func TestTheKeyIsHiddenFromTheCommandAndItsOtherCredentialsStay(t *testing.T) {
	t.Parallel()
	l := sqlite(t)
	const show = `env | grep -c -e mgk_ -e API_KEY; echo "${CREDENTIALS_DIRECTORY:-none}"; ls "$CREDENTIALS_DIRECTORY"/; cat "$CREDENTIALS_DIRECTORY/other"`
	r := sh(t, l.env(), "env", "--ready=exit")
	require.NotContains(t, r.out, "mgk_")
	require.NotContains(t, r.out, "METAGATE_API_KEY")
	require.Contains(t, sh(t, l.env(), "env", "--ready=exit", "--keep-key").out, "METAGATE_API_KEY="+l.key)

	credentials := t.TempDir()
	require.NoError(t, os.WriteFile(credentials+"/metagate-api-key", []byte(l.key+"\n"), 0o600))
	env := []string{"METAGATE_URL=" + l.URL, "METAGATE_COMPONENT=web", "CREDENTIALS_DIRECTORY=" + credentials}
	require.Equal(t, "0\nnone\n", strings.SplitAfter(sh(t, env, show, "--ready=exit").out, "none\n")[0])
	require.NoError(t, os.WriteFile(credentials+"/other", []byte("of the command\n"), 0o600))
	r = sh(t, env, show, "--ready=exit")
	require.Contains(t, r.out, "/credentials\nother\nof the command\n")
	require.NotContains(t, r.out, credentials)
	require.Equal(t, model.StartupStatusREADY, l.startup(t).Status)
}

func TestAKeyThatIsRotatedInItsFileWhileTheCommandStartsReportsREADY(t *testing.T) {
	t.Parallel()
	l := sqlite(t)
	dir := t.TempDir() // as Kubernetes projects a token: the name stays, what it leads to is replaced
	mounted := func(name, key string) {
		require.NoError(t, os.Mkdir(dir+"/"+name, 0o700))
		require.NoError(t, os.WriteFile(dir+"/"+name+"/token", []byte(key), 0o600))
		require.NoError(t, os.Symlink(name, dir+"/..tmp"))
		require.NoError(t, os.Rename(dir+"/..tmp", dir+"/..data"))
	}
	mounted("..1", l.key)
	require.NoError(t, os.Symlink("..data/token", dir+"/token"))
	p := start(t, command(t, []string{"METAGATE_URL=" + l.URL, "METAGATE_COMPONENT=web", "METAGATE_API_KEY_FILE=" + dir + "/token"},
		"exec", "--ready=file:up", "--", "sh", "-c", "echo started; exec sleep 60"))
	p.says(t, "started")
	admin := l.AdminClient(t)
	keys := *apptest.Got(admin.ListAPIKeysWithResponse(t.Context(), nil)).Is(t, 200).JSON200
	for _, k := range keys {
		if k.Name == "p" {
			apptest.Got(admin.RevokeAPIKeyWithResponse(t.Context(), k.ID, nil)).Is(t, 204)
		}
	}
	next := apptest.Got(admin.CreateAPIKeyWithResponse(t.Context(), nil, model.APIKeyCreate{PrincipalID: "key:p", Name: "next"})).Is(t, 201).JSON201.APIKey
	mounted("..2", next)
	require.NoError(t, os.WriteFile(p.Dir+"/up", nil, 0o600))
	l.becomes(t, model.StartupStatusREADY)
}

func TestExecEndsAsItsCommandAndReportsFAILEDWhereThatWasNotReady(t *testing.T) {
	t.Parallel()
	l := sqlite(t)
	r := sh(t, l.env(), "exit 0")
	require.Zero(t, r.code)
	require.Equal(t, "sh ended with exit status 0 before it was ready", l.startup(t).Error.MustGet())
	r = sh(t, l.env(), "echo out; head -c 9000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 41", "--stderr")
	require.Equal(t, 41, r.code)
	require.Equal(t, "out\n", r.out)
	require.Len(t, r.log, 9000+len("the end\n"), "all of it is passed on")
	d := l.details(t)
	require.EqualValues(t, 41, d["exit_code"])
	require.Len(t, d["stderr"], 8<<10)
	require.True(t, strings.HasSuffix(d["stderr"].(string), "xthe end\n")) //nolint:forcetypeassert // Len has seen it
	r = sh(t, l.env(), "echo secret >&2; kill -KILL $$")
	require.Equal(t, 128+9, r.code)
	require.Equal(t, "SIGKILL", l.details(t)["signal"])
	require.NotContains(t, l.details(t), "stderr", "it is asked for")
	require.Equal(t, 7, sh(t, l.env(), "exit 7", "--ready=exit").code)
	require.EqualValues(t, 7, l.details(t)["exit_code"])

	r = sh(t, l.env(), "sleep 0.2; exit 3", "--ready=after:1ms")
	require.Equal(t, 3, r.code)
	require.Equal(t, model.StartupStatusREADY, l.startup(t).Status, "what came after READY is nobody's startup")
}

func TestMetaGateBeingAwayChangesNothingForACommandThatRuns(t *testing.T) {
	t.Parallel()
	l := sqlite(t)
	away := make(chan struct{})
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-away:
		default:
			if r.URL.Path == "/v1/startup/ready" {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
		}
		forward(t, w, r, l.URL)
	}))
	t.Cleanup(proxy.Close)
	p := start(t, command(t, append(l.env(), "METAGATE_URL="+proxy.URL), "exec", "--ready=after:1ms", "--", "sh", "-c", "exec sleep 60"))
	until(t, func() bool { return strings.Contains(p.log.String(), "READY isn't reported yet") }, "a word about it")
	require.Equal(t, model.StartupStatusOPEN, l.startup(t).Status)
	close(away)
	l.becomes(t, model.StartupStatusREADY)
}

// forward passes a request on to the server at url.
func forward(t *testing.T, w http.ResponseWriter, r *http.Request, url string) {
	q, err := http.NewRequestWithContext(r.Context(), r.Method, url+r.URL.Path, r.Body)
	if err != nil {
		t.Error(err)
		return
	}
	q.Header = r.Header.Clone()
	answer, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	if _, err := w.Write(read(t, answer.Body)); err != nil {
		t.Log(err)
	}
}
