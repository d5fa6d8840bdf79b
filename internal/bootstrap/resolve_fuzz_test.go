package bootstrap_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/store"
)

// FuzzBlueprint feeds what an admin's write lets through: documents that are
// objects and pass doc.Check, and texts without U+0000.
func FuzzBlueprint(f *testing.F) {
	f.Add(odd, odd, "principal", "component", "secret")
	f.Add(`{}`, `{}`, "", "\x01", "\u2028")
	f.Add(`{"allowed_components":["a*"],"required_secrets":["s"]}`, `{"required_secrets":null}`, `"`, `\`, "s")
	f.Add(`{"a":[{"b":null}]}`, `{"a":{"b":null,"c":{}}}`, "\ufb33", "😀", "é")
	f.Fuzz(func(t *testing.T, document, patch, principal, component, secret string) {
		for _, text := range []string{principal, component, secret} {
			if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
				return
			}
		}
		for _, d := range []string{document, patch} { // in a packet they sit deeper
			if doc.CheckDepth([]byte(d), doc.MaxDepth-4) != nil || !strings.HasPrefix(strings.TrimSpace(d), "{") {
				return
			}
		}
		b, err := bootstrap.Compile(worldOf(document, `{"services":`+patch+`,"capabilities":`+patch+`}`,
			store.SecretRef{SecretKey: secret, RefKind: "env", RefName: principal, RefMeta: store.JSON(document)}))
		if err != nil {
			return // nothing is composed of it
		}
		p := requirePacket(t, b, principal, component)
		require.Equal(t, component, p.ComponentKey)
		require.Equal(t, principal, p.PrincipalKey)
		require.NoError(t, b.Permits(b.Example(component)))
	})
}
