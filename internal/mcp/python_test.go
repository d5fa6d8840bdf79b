package mcp_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
)

const venv = "../../bin/mcp-python"

// TestPythonClients runs the official SDK, and what LegiVellum's programs send through httpx.
func TestPythonClients(t *testing.T) {
	t.Parallel()
	const python = "python3"
	if err := exec.CommandContext(t.Context(), python, "-c", "import venv, ensurepip").Run(); err != nil { // Debian's may be without
		if os.Getenv("CI") == "true" {
			t.Fatal("no python3 with venv: CI has to have one")
		}
		t.Skip("skipped: no python3 with venv")
	}
	run := func(t *testing.T, name string, arguments ...string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), name, arguments...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		t.Logf("%s", out)
	}
	run(t, python, "-m", "venv", venv)
	run(t, venv+"/bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", "testdata/requirements.txt")
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		applyMesh(t, a)
		run(t, venv+"/bin/python", "testdata/sdk.py", a.URL)
		run(t, venv+"/bin/python", "testdata/legivellum.py", a.URL, apptest.AdminKey, gateKey("asyncgate"))
	})
}
