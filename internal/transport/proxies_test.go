package transport

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsNoAddressOrNetworkIsRefusedAsAProxy(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "proxy", "10.0.0.0/33", "10.0.0.1/8", "10.0.0", "fe80::1%eth0", "::ffff:10.0.0.0/104", "10.0.0.1:80"} {
		_, err := ParseProxies([]string{"127.0.0.1", bad})
		require.ErrorContains(t, err, "TRUSTED_PROXIES", bad)
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestAnAddressInTheHeaderIsBelievedFromATrustedProxyAlone(t *testing.T) {
	t.Parallel()
	p, err := ParseProxies([]string{"10.0.0.0/8", "2001:db8:1::/48", "::1"})
	require.NoError(t, err)
	type header = map[string][]string
	for _, c := range []struct {
		peer   string
		header header
		want   string
	}{
		// Nobody's word is taken.
		{"192.0.2.1:5", header{"X-Forwarded-For": {"203.0.113.9"}, "Forwarded": {"for=203.0.113.9"}}, "192.0.2.1"},
		{"[2001:db8:2::1]:5", header{"X-Forwarded-For": {"203.0.113.9"}}, "2001:db8:2::1"},
		{"@", header{"X-Forwarded-For": {"203.0.113.9"}}, "@"},
		{"", nil, ""},
		// The proxy tells nothing that can be read.
		{"10.0.0.1:5", nil, "10.0.0.1"},
		{"10.0.0.1:5", header{"X-Forwarded-For": {""}}, "10.0.0.1"},
		{"10.0.0.1:5", header{"X-Forwarded-For": {"unknown"}}, "10.0.0.1"},
		{"10.0.0.1:5", header{"X-Forwarded-For": {"203.0.113.9, <script>"}}, "10.0.0.1"},
		{"10.0.0.1:5", header{"X-Forwarded-For": {"203.0.113.9,"}}, "10.0.0.1"},
		{"10.0.0.1:5", header{"Forwarded": {"for=unknown"}}, "10.0.0.1"},
		{"10.0.0.1:5", header{"Forwarded": {"for=_hidden"}}, "10.0.0.1"},
		{"10.0.0.1:5", header{"Forwarded": {"proto=https"}}, "10.0.0.1"},
		{"10.0.0.1:5", header{"Forwarded": {`for="203.0.113.9`}}, "10.0.0.1"},
		// What it tells; what a client wrote before that counts for nothing.
		{"10.0.0.1:5", header{"X-Forwarded-For": {"198.51.100.7"}}, "198.51.100.7"},
		{"[::ffff:10.0.0.1]:5", header{"X-Forwarded-For": {"::ffff:198.51.100.7"}}, "198.51.100.7"},
		{"10.0.0.1:5", header{"X-Forwarded-For": {"203.0.113.9, 198.51.100.7"}}, "198.51.100.7"},
		{"10.0.0.1:5", header{"X-Forwarded-For": {"203.0.113.9", "198.51.100.7"}}, "198.51.100.7"},
		{"10.0.0.1:5", header{"X-Forwarded-For": {"10.9.9.9, 203.0.113.9,198.51.100.7:4711 , 10.0.0.2"}}, "198.51.100.7"},
		{"[::1]:5", header{"X-Forwarded-For": {"2001:DB8::7, [2001:db8:1::5]:80, [2001:db8:1::6]"}}, "2001:db8::7"},
		{"10.0.0.1:5", header{"X-Forwarded-For": {"10.0.0.3, 10.0.0.2"}}, "10.0.0.3"}, // all of them are proxies
		{"10.0.0.1:5", header{"X-Forwarded-For": {"rubbish, 10.0.0.2"}}, "10.0.0.2"},
		{"10.0.0.1:5", header{"Forwarded": {"for=198.51.100.7"}}, "198.51.100.7"},
		{"10.0.0.1:5", header{"Forwarded": {`for=203.0.113.9;host="a,b", FOR="198.51.100.7:80";proto=https;by="_x\"y,"`}}, "198.51.100.7"},
		{"10.0.0.1:5", header{"Forwarded": {`proto=http ; for="[2001:db8::7]:4711"`, "for=10.0.0.2"}}, "2001:db8::7"},
		{"10.0.0.1:5", header{"Forwarded": {"for=2001:db8::7"}}, "2001:db8::7"},
		{"10.0.0.1:5", header{"Forwarded": {"for=203.0.113.9;for=203.0.113.8"}}, "10.0.0.1"},
		// A client opens a quotation that the proxy's element closes.
		{"10.0.0.1:5", header{"Forwarded": {`for=203.0.113.9;x=", for="[2001:db8::7]"`}}, "10.0.0.1"},
		{"10.0.0.1:5", header{"Forwarded": {`for=203.0.113.9;x=", for=198.51.100.7`}}, "10.0.0.1"},
		{"10.0.0.1:5", header{"Forwarded": {`for=203.0.113.9;x="`, `for=198.51.100.7`}}, "198.51.100.7"},
		// Both headers: one of them may be the client's.
		{"10.0.0.1:5", header{"X-Forwarded-For": {"198.51.100.7"}, "Forwarded": {"for=203.0.113.9"}}, "10.0.0.1"},
		{"10.0.0.1:5", header{"X-Forwarded-For": {"203.0.113.1, 198.51.100.7"}, "Forwarded": {"for=198.51.100.7"}}, "198.51.100.7"},
		{"10.0.0.1:5", header{"X-Forwarded-For": {"198.51.100.7"}, "Forwarded": {""}}, "10.0.0.1"},
	} {
		require.Equal(t, c.want, p.Client(&http.Request{RemoteAddr: c.peer, Header: c.header}), "%+v", c)
	}
}

func TestATrustedProxyAloneSaysThatItsClientSpeaksHTTPS(t *testing.T) {
	t.Parallel()
	p, err := ParseProxies([]string{"10.0.0.0/8"})
	require.NoError(t, err)
	type header = map[string][]string
	for _, c := range []struct {
		peer   string
		header header
		want   bool
	}{
		{"192.0.2.1:5", header{"X-Forwarded-Proto": {"https"}}, false},
		{"192.0.2.1:5", header{"Forwarded": {"proto=https"}}, false},
		{"", header{"X-Forwarded-Proto": {"https"}}, false},
		{"10.0.0.1:5", nil, false},
		{"10.0.0.1:5", header{"X-Forwarded-Proto": {""}}, false},
		{"10.0.0.1:5", header{"X-Forwarded-Proto": {"https, http"}}, false},
		{"10.0.0.1:5", header{"X-Forwarded-Proto": {"https", "http"}}, false},
		{"10.0.0.1:5", header{"Forwarded": {"proto=https, for=10.0.0.2"}}, false},
		{"10.0.0.1:5", header{"X-Forwarded-Proto": {"HTTPS"}}, true},
		{"10.0.0.1:5", header{"X-Forwarded-Proto": {"http", "https"}}, true},
		{"10.0.0.1:5", header{"Forwarded": {`for=203.0.113.9;proto="https"`}}, true},
	} {
		require.Equal(t, c.want, p.HTTPS(&http.Request{RemoteAddr: c.peer, Header: c.header}), "%+v", c)
	}
}

func FuzzForwarded(f *testing.F) {
	p, err := ParseProxies([]string{"10.0.0.0/8"})
	require.NoError(f, err)
	f.Add("for=203.0.113.9;x=", "for=198.51.100.7")
	f.Add(`for="[::1]:80", for=_x;by="a\"b"`, " , ;")
	f.Fuzz(func(t *testing.T, before, value string) {
		got := p.Client(&http.Request{RemoteAddr: "10.0.0.1:5", Header: http.Header{"Forwarded": {value}}})
		addr, err := parseAddr(got)
		require.NoError(t, err, "always an address")
		require.Equal(t, addr.String(), got)
		// Whatever a client writes into its own line, the proxy's line decides.
		mine := p.Client(&http.Request{RemoteAddr: "10.0.0.1:5", Header: http.Header{"Forwarded": {before, "for=198.51.100.7"}}})
		require.Equal(t, "198.51.100.7", mine)
		// In the same line it can hide itself, and be nobody else.
		joined := p.Client(&http.Request{RemoteAddr: "10.0.0.1:5", Header: http.Header{"Forwarded": {before + ", for=198.51.100.7"}}})
		require.Contains(t, []string{"198.51.100.7", "10.0.0.1"}, joined)
	})
}
