package app_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/signing"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// signed has each program sign with a key of its own.
func signed(t *testing.T) func(*app.Config) {
	t.Helper()
	return func(c *app.Config) {
		text, _, err := signing.Rotated(nil, store.Now(), 0, 0)
		require.NoError(t, err)
		c.SigningKeyFile = filepath.Join(t.TempDir(), "signing.pem")
		require.NoError(t, signing.WriteFile(c.SigningKeyFile, text))
	}
}

// stableOf is what a packet's etag and signature are over.
func stableOf(t *testing.T, packet []byte) []byte {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(packet, &members))
	for _, name := range []string{"packet_id", "packet_etag", "issued_at", "startup", "manifest_version"} {
		require.Contains(t, members, name)
		delete(members, name)
	}
	text, err := json.Marshal(members)
	require.NoError(t, err)
	text, err = doc.Canonical(text)
	require.NoError(t, err)
	return text
}

// verify returns the header of a signature that one of the keys made, else nil.
func verify(t *testing.T, keys []model.JWK, signature string, content []byte) (h struct {
	Alg, Kid, Typ, Tenant string
	Iat, Rev              int64
}, ok bool,
) {
	t.Helper()
	header, sig, found := strings.Cut(signature, "..")
	require.True(t, found, signature)
	decode := func(text string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(text)
		require.NoError(t, err)
		return b
	}
	require.NoError(t, json.Unmarshal(decode(header), &h))
	for _, k := range keys {
		if k.Kid == h.Kid {
			return h, ed25519.Verify(decode(k.X), []byte(header+"."+base64.RawURLEncoding.EncodeToString(content)), decode(sig))
		}
	}
	return h, false
}

func (l *lab) jwks(t *testing.T) []model.JWK {
	t.Helper()
	return apptest.Got(l.component.GetJWKSWithResponse(t.Context())).Is(t, 200).JSON200.Keys
}

const headerSignature = "Metagate-Signature"

func TestAPacketIsSignedOverWhatItsEtagIsOver(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, other := newLab(t, a), newLab(t, a)
		r := apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Is(t, 200)
		keys := l.jwks(t)
		require.Len(t, keys, 1)
		signature := r.HTTPResponse.Header.Get(headerSignature)
		h, ok := verify(t, keys, signature, stableOf(t, r.Body))
		require.True(t, ok)
		require.Equal(t, []string{"EdDSA", keys[0].Kid, "metagate-packet+jws", "default"}, []string{h.Alg, h.Kid, h.Typ, h.Tenant})
		require.InDelta(t, store.Now().Unix(), h.Iat, 60)
		at, err := a.Store.GetRevision(t.Context(), "default")
		require.NoError(t, err)
		require.Equal(t, at.Revision, h.Rev)

		same := `"` + r.JSON200.PacketEtag + `"`
		known := apptest.Got(l.component.BootstrapWithResponse(t.Context(), &model.BootstrapParams{IfNoneMatch: &same}, model.BootstrapRequest{ComponentKey: "c"})).Is(t, 304)
		require.Equal(t, signature, known.HTTPResponse.Header.Get(headerSignature), "remembered")

		for name, changed := range map[string][2]string{
			"a section":     {`"port":1`, `"port":2`},
			"the principal": {`"principal_key":"` + l.principal.PrincipalKey, `"principal_key":"` + other.principal.PrincipalKey},
			"the component": {`"component_key":"c"`, `"component_key":"d"`},
		} {
			require.Contains(t, string(r.Body), changed[0], name)
			_, ok := verify(t, keys, signature, stableOf(t, []byte(strings.Replace(string(r.Body), changed[0], changed[1], 1))))
			require.False(t, ok, name)
		}

		apptest.Got(l.admin.UpdateManifestWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.manifest.ID.String(), nil, patch(`{"services":{"n":12345678901234567890}}`))).Is(t, 200)
		next := apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Is(t, 200)
		later, ok := verify(t, keys, next.HTTPResponse.Header.Get(headerSignature), stableOf(t, next.Body))
		require.True(t, ok, "a number keeps its digits")
		require.Greater(t, later.Rev, h.Rev)
	}, signed(t))
}

func TestWithoutASigningKeyNothingIsSigned(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		r := apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Is(t, 200)
		require.NotContains(t, r.HTTPResponse.Header, headerSignature)
		require.Empty(t, l.jwks(t))
	}, func(c *app.Config) { c.SigningKeyFile = "none" })
}

func TestAnEmbeddedDatabaseGetsASigningKeyThatStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start := func() []model.JWK {
		a := apptest.Start(t, "sqlite:"+filepath.Join(dir, "m.db"))
		keys := newLab(t, a).jwks(t)
		require.NoError(t, a.Close())
		return keys
	}
	first := start()
	require.Len(t, first, 1)
	require.Equal(t, first, start())
	info, err := os.Stat(filepath.Join(dir, "m.signing.pem"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
}

func TestTheSigningKeyIsMadeBesideTheDatabaseHoweverItsPathIsSpelled(t *testing.T) {
	t.Chdir(t.TempDir())
	for url, want := range map[string]string{"sqlite:a.db": "a.signing.pem", "sqlite://b.db": "b.signing.pem", "sqlite:c": "c.signing.pem"} {
		require.NoError(t, apptest.Start(t, url).Close())
		require.FileExists(t, want, url)
	}
}

// Who verifies knows the keys as they were published some time before the answer.
func TestNoVerificationFailsWhileKeysAreRotatedUnderLoad(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		labs := []*lab{newLab(t, a), newLab(t, a), newLab(t, a), newLab(t, a)}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		type answer struct {
			signature string
			body      []byte
		}
		answers := make(chan answer)
		for _, l := range labs {
			go func() {
				for ctx.Err() == nil {
					r, err := l.component.BootstrapWithResponse(ctx, nil, model.BootstrapRequest{ComponentKey: "c"})
					if err != nil || r.StatusCode() != http.StatusOK {
						continue
					}
					select {
					case answers <- answer{r.HTTPResponse.Header.Get(headerSignature), r.Body}:
					case <-ctx.Done():
					}
				}
			}()
		}
		keys, met := labs[0].jwks(t), map[string]int{}
		until := func(kid string) {
			for before := met[kid]; met[kid] < before+20; {
				got := <-answers
				stable := stableOf(t, got.body)
				h, ok := verify(t, keys, got.signature, stable)
				if !ok { // as who meets a kid that it doesn't know
					keys = labs[0].jwks(t)
					h, ok = verify(t, keys, got.signature, stable)
				}
				require.True(t, ok, h.Kid)
				met[h.Kid]++
			}
		}
		until(labs[0].jwks(t)[0].Kid)
		for range 3 {
			path := a.Config.SigningKeyFile
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			text, made, err := signing.Rotated(text, store.Now(), 0, time.Hour)
			require.NoError(t, err)
			require.NoError(t, signing.WriteFile(path, text))
			a.Signer.Reload(ctx)
			until(made.Kid)
		}
		require.Len(t, met, 4)
	}, signed(t))
}

// found is a program's path; empty, which is said, where it isn't and nobody demands it.
func found(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		require.NotEqual(t, "true", os.Getenv("CI"), "CI has to have %s", program)
		t.Logf("without %s: not tried", program)
	}
	return path
}

func verifierPython(t *testing.T) string {
	t.Helper()
	const venv = "../../bin/verify-python"
	python := found(t, "python3")
	if python == "" || exec.CommandContext(t.Context(), python, "-c", "import venv, ensurepip").Run() != nil { // Debian's may be without
		require.NotEqual(t, "true", os.Getenv("CI"), "CI has to have python3 with venv")
		t.Log("without python3 and its venv: not tried")
		return ""
	}
	for _, command := range [][]string{
		{python, "-m", "venv", venv},
		{venv + "/bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", "../../examples/verify/requirements.txt"},
	} {
		out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	return venv + "/bin/python"
}

// The published keys are all that a verifier needs, in any language.
func TestPacketsAreVerifiedByPythonAndNode(t *testing.T) {
	t.Parallel()
	python, node := verifierPython(t), found(t, "node")
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		apptest.Got(l.admin.UpdateManifestWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.manifest.ID.String(), nil, patch(
			`{"services":{"n":[12345678901234567890,1.10,-0,1e400,1E5,0.1,1e-7,9007199254740993,1.7976931348623157e308,5e-324],"é\u20ac𝄞":"\u0007\"\\/","\ufb33":1,"\ud83d\ude00":2,"":{}}}`))).Is(t, 200)
		r := apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Is(t, 200)
		dir := t.TempDir()
		file := func(name string, text []byte) string {
			path := filepath.Join(dir, name)
			require.NoError(t, os.WriteFile(path, text, 0o600))
			return path
		}
		keys := file("jwks.json", apptest.Got(l.component.GetJWKSWithResponse(t.Context())).Is(t, 200).Body)
		signature := r.HTTPResponse.Header.Get(headerSignature)
		packet, forged := file("packet.json", r.Body), file("forged.json", []byte(strings.Replace(string(r.Body), "1.10", "1.2", 1)))
		for name, command := range map[string][]string{
			"Python": {python, "../../examples/verify/verify.py"},
			"Node":   {node, "../../examples/verify/verify.mjs"},
		} {
			if command[0] == "" {
				continue
			}
			run := func(packet string) (string, error) {
				out, err := exec.CommandContext(t.Context(), command[0], command[1], packet, signature, keys).CombinedOutput()
				return string(out), err
			}
			out, err := run(packet)
			require.NoError(t, err, "%s: %s", name, out)
			require.Contains(t, out, l.principal.PrincipalKey, name)
			out, err = run(forged)
			require.Error(t, err, name)
			require.Contains(t, out, "does not verify", name)
		}
	}, signed(t))
}
