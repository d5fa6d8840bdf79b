package component

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSecret is the size of the largest secret that is read from a file, in bytes.
const maxSecret = 1 << 20

// MissingError is that secrets which the packet requires are not where it says.
type MissingError struct {
	// Keys are their secret_keys, in the packet's order.
	Keys []string

	reasons []string
}

// Error names each secret, and where it should have been.
func (e *MissingError) Error() string {
	out := make([]string, len(e.Keys))
	for i, key := range e.Keys {
		out[i] = key
		if i < len(e.reasons) {
			out[i] += " (" + e.reasons[i] + ")"
		}
	}
	return "secrets are missing: " + strings.Join(out, ", ")
}

// Secret is the secret that the packet requires by that key, read now from the
// environment variable or file that the packet names, so that one that was rotated in a
// file is the new one. A line break at a file's end is no part of it. It is a
// *MissingError where there is nothing, or an empty text, and ErrNotInPacket where the
// packet doesn't require it.
func (s *Startup) Secret(secretKey string) (string, error) {
	for _, ref := range s.packet.RequiredEnv {
		if ref.SecretKey != secretKey {
			continue
		}
		value, err := ref.read()
		if err != nil {
			return "", &MissingError{[]string{secretKey}, []string{err.Error()}}
		}
		return value, nil
	}
	return "", fmt.Errorf("%w: secret %q", ErrNotInPacket, secretKey)
}

// missing are the secrets of the packet that can't be read; nil for none.
func (p Packet) missing() *MissingError {
	var e MissingError
	for _, ref := range p.RequiredEnv {
		if _, err := ref.read(); err != nil {
			e.Keys = append(e.Keys, ref.SecretKey)
			e.reasons = append(e.reasons, err.Error())
		}
	}
	if e.Keys == nil {
		return nil
	}
	return &e
}

func (r SecretRef) read() (string, error) {
	switch r.RefKind {
	case "env":
		value := os.Getenv(r.RefName)
		if value == "" {
			return "", errors.New("environment variable " + r.RefName + " is not set")
		}
		return value, nil
	case "file":
		return readSecret(r.RefName)
	default:
		return "", fmt.Errorf("reference of kind %q: only env and file can be read", r.RefKind)
	}
}

func readSecret(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err // which names it
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if value == "" || len(value) > maxSecret {
		return "", fmt.Errorf("file %s is empty, or larger than %d bytes", name, maxSecret)
	}
	return value, nil
}
