package launch

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/legivellum/metagate/component"
)

// credential is what MetaGate's key is called among systemd's credentials.
const credential = "metagate-api-key" //nolint:gosec // its name

// handover is what the command gets, and what is to be removed at the end.
type handover struct {
	environ []string
	dir     string // of this process alone; others may go through, to the socket
	extra   string // another one; empty for none
	packet  string
	files   []string
}

// handOver writes the packet and the templates and makes the command's environment.
func (l *launch) handOver() (_ *handover, err error) {
	h := &handover{packet: l.PacketFile}
	defer func() {
		if err != nil {
			h.remove()
		}
	}()
	if h.dir, err = ownDir(l.Environ); err != nil {
		return nil, err
	}
	if h.packet == "" {
		h.packet = filepath.Join(h.dir, "packet.json")
	}
	h.files = []string{h.packet, stateFile(h.packet)}
	raw, err := l.document()
	if err != nil {
		return nil, err
	}
	err = h.state(State{StartupID: l.startup.ID(), Status: "OPEN"}) // first: a packet without one is fetch's, to a probe
	if err == nil {
		err = WriteFile(h.packet, raw, cmp.Or(l.FileMode, 0o600))
	}
	if err != nil {
		return nil, fmt.Errorf("the packet can't be written: set METAGATE_PACKET_FILE to where it can: %w", err)
	}
	packet, err := decode(raw)
	if err != nil {
		return nil, err
	}
	mapped, err := values(packet, l.Mappings)
	problems := []error{err}
	for _, t := range l.Templates {
		problems = append(problems, t.render(packet, l.startup, l.Environ))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	h.environ = slices.Clone(l.Environ)
	if !l.KeepKey {
		h.hideKey()
	}
	h.set("METAGATE_PACKET_FILE="+h.packet, "METAGATE_STARTUP_ID="+l.startup.ID(), "METAGATE_PACKET_SOURCE="+l.startup.Source())
	h.set(mapped...)
	return h, nil
}

// document is the packet as it was sent; of one from the disk with the startup that it is used for.
func (l *launch) document() ([]byte, error) {
	if l.startup.Source() == component.SourceLive {
		return l.packet.Raw, nil
	}
	var members map[string]json.RawMessage
	err := json.Unmarshal(l.packet.Raw, &members)
	if err == nil {
		members["startup"], err = json.Marshal(l.packet.Startup)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

// ownDir makes a directory of this process: in systemd's RUNTIME_DIRECTORY, else where temporary files go, else in
// memory, as where the file system is read-only.
func ownDir(environ []string) (string, error) {
	first, _, _ := strings.Cut(lookup(environ, "RUNTIME_DIRECTORY"), ":")
	var problems []error
	for _, parent := range []string{first, os.TempDir(), "/dev/shm"} {
		if parent == "" {
			continue
		}
		dir, err := os.MkdirTemp(parent, "metagate-")
		if err == nil {
			return dir, os.Chmod(dir, 0o711) //nolint:gosec // the command may notify as another user, who knows the name
		}
		problems = append(problems, err)
	}
	return "", fmt.Errorf("no directory for the packet: set RUNTIME_DIRECTORY or TMPDIR to one that can be written: %w", errors.Join(problems...))
}

// hideKey takes MetaGate's key out of the environment, and out of systemd's credentials, whose others stay.
func (h *handover) hideKey() {
	dir := lookup(h.environ, "CREDENTIALS_DIRECTORY")
	h.unset("METAGATE_API_KEY", "METAGATE_API_KEY_FILE", "METAGATE_API_KEY_HEADER")
	if _, err := os.Lstat(filepath.Join(dir, credential)); dir == "" || err != nil {
		return
	}
	h.unset("CREDENTIALS_DIRECTORY")
	others := filepath.Join(h.dir, "credentials")
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 2 || os.Mkdir(others, 0o700) != nil {
		return
	}
	for _, e := range entries {
		if e.Name() != credential {
			_ = os.Symlink(filepath.Join(dir, e.Name()), filepath.Join(others, e.Name()))
		}
	}
	h.set("CREDENTIALS_DIRECTORY=" + others)
}

// set sets variables, each NAME=value.
func (h *handover) set(entries ...string) {
	for _, entry := range entries {
		name, _, _ := strings.Cut(entry, "=")
		h.unset(name)
		h.environ = append(h.environ, entry)
	}
}

func (h *handover) unset(names ...string) {
	h.environ = slices.DeleteFunc(h.environ, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(names, name)
	})
}

// State is what stands beside a packet's file: how the command is doing, for `metagate healthcheck --startup`, while a
// launch is there; or what a probe has reported.
type State struct {
	// StartupID is the startup of the packet.
	StartupID string `json:"startup_id"`
	// Status is OPEN, or READY once the command is ready.
	Status string `json:"status"`
	// By is "probe" where a probe wrote it: then no launch is there.
	By string `json:"by,omitempty"`
}

// Launched reports whether a launch wrote it, which knows how the command is doing.
func (s State) Launched() bool { return s.By != byProbe }

const byProbe = "probe"

func stateFile(packet string) string { return packet + ".state" }

// ReadState is the state beside a packet's file; an error that is fs.ErrNotExist where no launch is there.
func ReadState(packet string) (s State, err error) {
	raw, err := os.ReadFile(stateFile(packet))
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(raw, &s)
}

func (h *handover) state(s State) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return WriteFile(stateFile(h.packet), raw, 0o644)
}

// forget removes what a launch that was killed left: a probe would answer by it while this one waits for its packet.
func forget(packet string) {
	if packet != "" {
		_ = os.Remove(packet)            //nolint:gosec // the operator's own; first: a packet without a state is fetch's, to a probe
		_ = os.Remove(stateFile(packet)) //nolint:gosec // as above
	}
}

// remove removes what only mattered while the command ran.
func (h *handover) remove() {
	for _, file := range h.files {
		_ = os.Remove(file)
	}
	for _, dir := range []string{h.dir, h.extra} {
		if dir != "" {
			_ = os.RemoveAll(dir)
		}
	}
}
