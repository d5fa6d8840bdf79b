package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/legivellum/metagate/internal/signing"
	"github.com/legivellum/metagate/internal/store"
)

// unsigned is the SIGNING_KEY_FILE of a server that signs nothing.
const unsigned = "none"

// signer has the keys of SIGNING_KEY_FILE. An embedded database has one made beside it:
// a start needs no setting. Where that can't be, packets go unsigned.
func (a *App) signer(ctx context.Context) (*signing.Ring, error) {
	file := a.config.SigningKeyFile
	path, embedded := store.EmbeddedPath(a.config.DatabaseURL)
	switch {
	case file == unsigned || (file == "" && !embedded):
		return nil, nil
	case file == "":
		file = strings.TrimSuffix(path, ".db") + ".signing.pem"
		if err := makeKeyFile(file); err != nil {
			a.log.WarnContext(ctx, "packets are not signed: no key can be made beside the database (SIGNING_KEY_FILE)", "error", err)
			return nil, nil
		}
	}
	return signing.Open(file, store.Now, a.log)
}

func makeKeyFile(file string) error {
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, _, err := signing.Rotated(nil, store.Now(), 0, 0)
	if err != nil {
		return err
	}
	return signing.WriteFile(file, text)
}
