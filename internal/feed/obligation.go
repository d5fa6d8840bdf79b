package feed

import (
	"fmt"
	"math/big"
	"strings"

	"golang.org/x/crypto/blake2b"
)

// obligationID is what both receipts of a task are about: LegiVellum's derive_ulid,
// BLAKE2b-128 over its parts, written as a ULID (26 characters of Crockford's Base32).
func obligationID(task string) (string, error) {
	h, err := blake2b.New(16, nil)
	if err != nil {
		return "", err
	}
	for i, part := range []string{"metagate.startup", task} {
		if i > 0 {
			_, _ = h.Write([]byte{0x1f})
		}
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	const digits, crockford = "0123456789abcdefghijklmnopqrstuv", "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	text := fmt.Sprintf("%026s", new(big.Int).SetBytes(h.Sum(nil)).Text(len(digits)))
	return strings.Map(func(r rune) rune { return rune(crockford[strings.IndexRune(digits, r)]) }, text), nil
}
