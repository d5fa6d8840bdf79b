package server

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

const pathDocs = "/docs/"

// elsewhere is where a path leads that isn't written as openapi.yaml writes it: one
// with a slash at its end to the one without, and /docs to Swagger UI, whose files
// are below it. The slashes at its beginning are one: two would name another host.
func elsewhere(u *url.URL) (to string, leads bool) {
	switch path := u.EscapedPath(); {
	case path+"/" == pathDocs:
		to = pathDocs
	case path == "/" || path == pathDocs || !strings.HasSuffix(path, "/"):
		return "", false
	default:
		to = "/" + strings.Trim(path, "/")
	}
	if u.RawQuery != "" {
		to += "?" + u.RawQuery
	}
	return to, true
}

// linger is how long what is left of an unread body is read, so that the caller
// meets the answer and no reset connection.
const linger = 500 * time.Millisecond

// leaveBody ends the connection of a request whose body nobody has read: net/http
// would wait for the rest of it before it answers. HTTP/2 resets the one stream, and
// the connection goes on.
func leaveBody(c echo.Context) {
	if r := c.Request(); r.ProtoMajor == 1 && r.ContentLength != 0 && !callOf(r.Context()).bodyRead {
		c.Response().Header().Set(echo.HeaderConnection, "close")
		_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(linger))
	}
}
