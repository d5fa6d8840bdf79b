package transport

import (
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the addresses whose word is taken on where a request comes from.
type Proxies []netip.Prefix

// ParseProxies reads TRUSTED_PROXIES: addresses and networks in CIDR notation (RFC 4632).
func ParseProxies(all []string) (Proxies, error) {
	var out Proxies
	for _, one := range all {
		if addr, err := netip.ParseAddr(one); err == nil && addr.Zone() == "" {
			addr = addr.Unmap()
			out = append(out, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(one)
		if err != nil || network.Addr().Is4In6() {
			return nil, fmt.Errorf("TRUSTED_PROXIES: %q is neither an address nor a network such as 10.0.0.0/8", one)
		}
		if network != network.Masked() {
			return nil, fmt.Errorf("TRUSTED_PROXIES: %q is an address in a network: write %s, or the address alone", one, network.Masked())
		}
		out = append(out, network)
	}
	return out, nil
}

func (p Proxies) trust(addr netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(addr) })
}

// Client is the address that a request comes from: the peer's or, where that is a
// trusted proxy, the last one in X-Forwarded-For or Forwarded (RFC 7239) that isn't
// one. Where the two name different ones neither is believed, as a proxy writes one of
// them and passes on what a client wrote into the other.
func (p Proxies) Client(r *http.Request) string {
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr, err := parseAddr(peer)
	if err != nil || !p.trust(addr) {
		return peer
	}
	listed, elements := r.Header["X-Forwarded-For"], r.Header["Forwarded"]
	one, other := p.behind(addr, lastFirst(listed)), p.behind(addr, forwardedFor(elements))
	switch {
	case len(elements) == 0:
		return one.String()
	case len(listed) == 0 || one == other:
		return other.String()
	}
	return peer
}

// HTTPS reports whether a trusted proxy says that the client speaks https to it: the
// last word of X-Forwarded-Proto, or proto of the last element of Forwarded (RFC 7239).
func (p Proxies) HTTPS(r *http.Request) bool {
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	if addr, err := parseAddr(peer); err != nil || !p.trust(addr) {
		return false
	}
	for proto := range lastFirst(r.Header["X-Forwarded-Proto"]) {
		return strings.EqualFold(proto, "https")
	}
	for element := range lastFirst(r.Header["Forwarded"]) {
		for pair := range strings.SplitSeq(element, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			if strings.EqualFold(name, "proto") {
				return strings.EqualFold(strings.Trim(value, `"`), "https")
			}
		}
		return false
	}
	return false
}

// behind goes from the nearest proxy to the farthest that is trusted, as long as they
// tell addresses.
func (p Proxies) behind(at netip.Addr, hops iter.Seq[string]) netip.Addr {
	for hop := range hops {
		addr, err := parseNode(hop)
		if err != nil {
			return at
		}
		if at = addr; !p.trust(at) {
			return at
		}
	}
	return at
}

// lastFirst are the members of a list in header lines, from the last to the first.
func lastFirst(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			for more := true; more; {
				comma := strings.LastIndexByte(line, ',')
				if !yield(strings.Trim(line[comma+1:], " \t")) {
					return
				}
				if more = comma >= 0; more {
					line = line[:comma]
				}
			}
		}
	}
}

// parseNode reads an address, with a port or without.
func parseNode(s string) (netip.Addr, error) {
	if addr, err := parseAddr(s); err == nil {
		return addr, nil
	}
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
		return parseAddr(strings.TrimSuffix(inner, "]"))
	}
	host, _, err := net.SplitHostPort(s)
	if err != nil {
		return netip.Addr{}, err
	}
	return parseAddr(host)
}

// parseAddr is netip's, with one spelling for each address.
func parseAddr(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(s)
	return addr.Unmap().WithZone(""), err
}
