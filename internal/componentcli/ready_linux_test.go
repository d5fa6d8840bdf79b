package componentcli

import (
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
)

// runs starts a command, waits until it is READY, and requires that it ends by SIGTERM, as it would without metagate.
func (l lab) runs(t *testing.T, code int, args ...string) *process {
	t.Helper()
	before := len(l.startups(t))
	p := start(t, command(t, l.env(), append([]string{"exec"}, args...)...))
	until(t, func() bool {
		all := l.startups(t)
		return len(all) > before && all[0].Status != model.StartupStatusOPEN
	}, "READY: %v", args)
	require.Equal(t, model.StartupStatusREADY, l.startup(t).Status, "%v: %s%s", args, p.out, p.log)
	p.send(t, syscall.SIGTERM)
	require.Equal(t, code, p.code(t), "%s", p.log)
	return p
}

func TestPythonsWebServerIsReadyWhenItAnswers(t *testing.T) {
	t.Parallel()
	python := needs(t, "python3")
	for _, way := range []string{"tcp:", "tcp:localhost:", "http:", "http://127.0.0.1:"} {
		l, port := sqlite(t), freePort(t)
		l.runs(t, 128+15, "--ready="+way+port, "--", python, "-m", "http.server", "--bind", "127.0.0.1", port)
	}
	l, port := sqlite(t), freePort(t)
	p := start(t, command(t, l.env(), "exec", "--ready=http:"+port+"/not-there", "--", python, "-m", "http.server", "--bind", "127.0.0.1", port))
	until(t, func() bool { return strings.Contains(p.log.String(), " 404 ") }, "a look")
	p.send(t, syscall.SIGTERM)
	require.Equal(t, 128+15, p.code(t))
	d := l.details(t)
	require.Contains(t, d["waited_for"].([]any)[0], "/not-there") //nolint:forcetypeassert // it is a list
	require.Equal(t, []any{"SIGTERM"}, d["signals_passed_on"])
}

func TestNginxIsReadyWhenItListens(t *testing.T) {
	t.Parallel()
	nginx := needs(t, "nginx")
	for _, way := range []string{"tcp:", "http:"} {
		l, port, dir := sqlite(t), freePort(t), t.TempDir()
		require.NoError(t, os.WriteFile(dir+"/nginx.conf.tmpl", []byte(`daemon off; pid `+dir+`/pid; error_log stderr; events {}
http { access_log off; server { listen 127.0.0.1:`+port+`; location / { return 200 "{{.services.memorygate.endpoint}}"; } } }`), 0o600))
		p := start(t, command(t, l.env(), "exec", "--ready="+way+port, "--template="+dir+"/nginx.conf.tmpl:"+dir+"/nginx.conf", "--", nginx, "-e", "stderr", "-c", dir+"/nginx.conf"))
		l.becomes(t, model.StartupStatusREADY)
		answer, err := http.Get("http://127.0.0.1:" + port)
		require.NoError(t, err)
		require.Equal(t, "http://memorygate:8001/mcp", string(read(t, answer.Body)))
		require.NoError(t, answer.Body.Close())
		p.send(t, syscall.SIGQUIT) // nginx ends gracefully by it
		require.Zero(t, p.code(t), "%s", p.log)
	}
}

func TestRedisIsReadyWhenItSaysSo(t *testing.T) {
	t.Parallel()
	redis := needs(t, "redis-server")
	for _, way := range []string{"log:Ready to accept connections", "exec:redis-cli -p PORT ping | grep -q PONG", `exec:["redis-cli", "-p", "PORT", "ping"]`, "tcp:PORT"} {
		l, port := sqlite(t), freePort(t)
		l.runs(t, 0, "--ready="+strings.ReplaceAll(way, "PORT", port), "--", redis, "--port", port, "--save", "", "--bind", "127.0.0.1")
	}
}

func TestAJVMIsReadyWhenItListens(t *testing.T) {
	t.Parallel()
	java := needs(t, "java")
	l, port, dir := sqlite(t), freePort(t), t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/Web.java", []byte(`
		public class Web { public static void main(String[] a) throws Exception {
			var s = com.sun.net.httpserver.HttpServer.create(new java.net.InetSocketAddress("127.0.0.1", Integer.parseInt(a[0])), 0);
			s.createContext("/", x -> { x.sendResponseHeaders(204, -1); x.close(); });
			s.start();
			System.out.println(System.getenv("MEMORYGATE_URL"));
		} }`), 0o600))
	p := l.runs(t, 128+15, "--ready=http:"+port+"/", "--map=services.memorygate.endpoint=MEMORYGATE_URL", "--", java, "-Xshare:auto", dir+"/Web.java", port)
	require.Contains(t, p.out.String(), "http://memorygate:8001/mcp") // 143 is the JVM's own, after its shutdown hooks
}

func TestAShellScriptIsReadyByAFileThatWasNotThereByTimeByItsLogAndByItsEnd(t *testing.T) {
	t.Parallel()
	up := t.TempDir() + "/up"
	require.NoError(t, os.WriteFile(up, nil, 0o600)) // of the start before
	l := sqlite(t)
	cmd := command(t, l.env(), "exec", "--ready=file:"+up, "--ready=log:^up [0-9]+$", "--", "sh", "-c", "read x < fifo; echo up 12 >&2; read x < fifo; touch "+up+"; exec sleep 60")
	require.NoError(t, syscall.Mkfifo(cmd.Dir+"/fifo", 0o600))
	fifo, err := os.OpenFile(cmd.Dir+"/fifo", os.O_RDWR, 0) // open all the time: no read meets the end of the one before
	require.NoError(t, err)
	t.Cleanup(func() { _ = fifo.Close() })
	p := start(t, cmd)
	next := func() {
		_, err := fifo.WriteString("next\n")
		require.NoError(t, err)
	}
	next()
	until(t, func() bool { return strings.Contains(p.log.String(), "up 12\n") }, "the line, passed on")
	require.Equal(t, model.StartupStatusOPEN, l.startup(t).Status, "the file was there before")
	next()
	l.becomes(t, model.StartupStatusREADY)

	l = sqlite(t)
	l.runs(t, 128+15, "--ready=after:1ms", "--", "sh", "-c", "exec sleep 60")
	l.runs(t, 128+15, "--", "sh", "-c", "exec sleep 60")
	require.Equal(t, 3, sh(t, l.env(), "echo up; exit 3", "--ready=log:up").code)
	require.Equal(t, model.StartupStatusREADY, l.startup(t).Status, "it said so")
	require.Zero(t, sh(t, l.env(), "echo done", "--ready=exit").code)
	require.Equal(t, model.StartupStatusREADY, l.startup(t).Status)
}

// The process of the start before may hold the port still, and would answer.
func TestAPortThatAnotherProcessHoldsIsNotTheCommands(t *testing.T) {
	t.Parallel()
	old, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = old.Close() })
	seen := make(chan struct{}, 100)
	go func() {
		for {
			c, err := old.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
			select {
			case seen <- struct{}{}:
			default:
			}
		}
	}()
	l := sqlite(t)
	ready := "--ready=tcp:" + old.Addr().String()
	p := start(t, command(t, l.env(), "exec", ready, "--", "sh", "-c", "exec sleep 60"))
	<-seen
	<-seen // it looked, and looked again
	p.send(t, syscall.SIGTERM)
	require.Equal(t, 128+15, p.code(t))
	require.Contains(t, l.details(t)["waited_for"].([]any)[0], "another process's") //nolint:forcetypeassert // it is a list
	l.runs(t, 128+15, ready, "--foreign-ports", "--", "sh", "-c", "exec sleep 60")
}

func TestAPortOfWhatTheCommandLeftBehindIsItsOwn(t *testing.T) {
	t.Parallel()
	python := needs(t, "python3")
	l, port := sqlite(t), freePort(t)
	script := "(setsid " + python + " -m http.server --bind 127.0.0.1 " + port + " & echo $! > pid); trap 'kill $(cat pid); exit 5' TERM; while :; do sleep 0.1; done"
	l.runs(t, 5, "--ready=tcp:"+port, "--", "sh", "-c", script)
}
