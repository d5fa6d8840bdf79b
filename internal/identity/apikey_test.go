package identity_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
)

func TestWhatCannotBeAnAPIKeyIsRefusedUnread(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{
		"empty":       "",
		"a space":     "mgk_ abc",
		"a line":      "mgk_abc\n",
		"NUL":         "mgk_\x00",
		"DEL":         "mgk_\x7f",
		"not ASCII":   "mgk_é",
		"not UTF-8":   "mgk_\xff",
		"513 bytes":   strings.Repeat("a", 513),
		"a megabyte":  strings.Repeat("a", 1<<20),
		"only spaces": "   ",
	} {
		hash, err := identity.HashAPIKey(key)
		require.Empty(t, hash, name)
		require.True(t, errs.Is(err, errs.Unauthenticated), name)
		require.Equal(t, "missing or invalid credentials", errs.From(err).Message)
		require.NotContains(t, err.Error(), "mgk_")
	}
}

func TestAnAPIKeyIsHashedWithSHA256(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", // FIPS 180-2, appendix B.1
		"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq": "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
	} {
		hash, err := identity.HashAPIKey(key)
		require.NoError(t, err)
		require.Equal(t, want, hash)
	}
	_, err := identity.HashAPIKey(strings.Repeat("~", 512))
	require.NoError(t, err)
}

func TestANewAPIKeyIsUniqueAndHashesToItsHash(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for range 1000 {
		key, hash := identity.NewAPIKey()
		require.Regexp(t, `^mgk_[A-Za-z0-9_-]{43}$`, key)
		again, err := identity.HashAPIKey(key)
		require.NoError(t, err)
		require.Equal(t, hash, again)
		require.False(t, seen[key] || seen[hash])
		seen[key], seen[hash] = true, true
	}
}
