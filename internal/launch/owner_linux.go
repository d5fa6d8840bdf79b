package launch

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// owned says what is wrong with who accepted conn: nothing where it is pid, a descendant of it, or can't be told. A
// port that the process of the start before still holds would answer, too.
func owned(pid int, conn net.Conn) error {
	remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return nil //nolint:nilerr // no TCP: nothing is known
	}
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil || (!remote.Addr().IsLoopback() && local.Addr() != remote.Addr()) {
		return nil //nolint:nilerr // another host's
	}
	sockets := listeners(remote)
	if len(sockets) == 0 {
		return nil // a listener of another network namespace
	}
	blind := false
	for _, process := range append(descendants(pid), pid) {
		switch ours, err := holds(process, sockets); {
		case ours:
			return nil
		case errors.Is(err, fs.ErrPermission):
			blind = true
		}
	}
	if blind {
		return nil // another user's, after setuid
	}
	return fmt.Errorf("port %d is another process's, which is none of the command's", remote.Port())
}

// listeners are the inodes of the sockets that listen where address is accepted: at the address itself, else at all.
func listeners(address netip.AddrPort) (inodes []string) {
	var all []string
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			fields := strings.Fields(s.Text())
			if len(fields) < 10 || fields[3] != "0A" { // TCP_LISTEN
				continue
			}
			switch at, ok := kernelAddress(fields[1]); {
			case !ok || at.Port() != address.Port():
			case at.Addr() == address.Addr().Unmap():
				inodes = append(inodes, fields[9])
			case at.Addr().IsUnspecified():
				all = append(all, fields[9])
			}
		}
		_ = f.Close()
	}
	if inodes != nil {
		return inodes
	}
	return all
}

// kernelAddress reads 0100007F:1F90: 32-bit words in this machine's order, and a port.
func kernelAddress(text string) (netip.AddrPort, bool) {
	ip, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(ip)
	n, bad := strconv.ParseUint(port, 16, 16)
	if err != nil || bad != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	at, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(at.Unmap(), uint16(n)), ok
}

// descendants are the processes below pid: as this process adopts those whose parents end, nothing escapes.
func descendants(pid int) (out []int) {
	children := map[int][]int{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			if parent, ok := parentOf(n); ok {
				children[parent] = append(children[parent], n)
			}
		}
	}
	next := append(slices.Clone(children[pid]), children[os.Getpid()]...) // adopted
	for len(next) > 0 {
		out = append(out, next...)
		var below []int
		for _, n := range next {
			if n != pid {
				below = append(below, children[n]...)
			}
		}
		next = below
	}
	return out
}

// parentOf reads the fourth field of /proc/PID/stat, behind a name in brackets that may have anything in it.
func parentOf(pid int) (int, bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 2 {
		return 0, false
	}
	parent, err := strconv.Atoi(fields[1])
	return parent, err == nil
}

// holds reports whether a process has one of the sockets open.
func holds(pid int, inodes []string) (bool, error) {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		target, err := os.Readlink(dir + "/" + e.Name())
		if inode, ok := strings.CutPrefix(target, "socket:["); err == nil && ok && slices.Contains(inodes, strings.TrimSuffix(inode, "]")) {
			return true, nil
		}
	}
	return false, nil
}
