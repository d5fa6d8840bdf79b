package server

import (
	"bytes"
	"context"
	"net"
)

// Whole is for answers of known length that are a little larger than net/http's
// buffer of 4 KiB. It would send them in two pieces and wake whoever waits twice,
// which costs about as much as making the answer. On a connection of this listener
// header and body leave together.
func Whole(l net.Listener) net.Listener { return wholeListener{l} }

type wholeListener struct{ net.Listener }

func (l wholeListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wholeConn{Conn: c}, nil
}

type connKey struct{}

// WithConn lets an answer find its connection: it is http.Server.ConnContext.
func WithConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// wholeConn is written by one request at a time.
type wholeConn struct {
	net.Conn
	body []byte // of the answer whose header comes next
	sent int    // how many of the bytes to come have gone already
}

// together lets the next header leave with its body, which has to be written after
// it all the same; the body is let go of by apart. A connection of another kind does
// what it always does.
func together(ctx context.Context, body []byte) (apart func()) {
	c, ok := ctx.Value(connKey{}).(*wholeConn)
	if !ok || len(body) < 3<<10 { // the buffer takes it
		return func() {}
	}
	c.body = body
	return func() { c.body = nil }
}

func (c *wholeConn) Write(p []byte) (n int, err error) {
	if c.body != nil {
		return len(p), c.writeWhole(p)
	}
	n = min(c.sent, len(p))
	if c.sent -= n; n == len(p) {
		return n, nil
	}
	more, err := c.Conn.Write(p[n:])
	return n + more, err
}

// writeWhole writes a header, which is in p with the beginning of the body.
func (c *wholeConn) writeWhole(p []byte) (err error) {
	header, begun, found := bytes.Cut(p, []byte("\r\n\r\n"))
	if !found {
		header, begun, c.body = p, nil, nil
	} else {
		header, c.sent = p[:len(header)+4], len(c.body)-len(begun)
	}
	parts := net.Buffers{header, c.body}
	c.body = nil
	_, err = parts.WriteTo(c.Conn)
	return err
}
