package server

import (
	"context"
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"

	swagger "github.com/swaggo/files/v2"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/errs"
)

//go:embed docs
var docs embed.FS

// docsHeader lets Swagger UI load its own files and call this server, nothing else.
var docsHeader = http.Header{
	headerCSP:         {"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
	"X-Frame-Options": {"DENY"},
	"Referrer-Policy": {"no-referrer"},
}

// GetDocs implements GET /docs/.
func (s *Server) GetDocs(context.Context, api.GetDocsRequestObject) (api.GetDocsResponseObject, error) {
	page, err := docs.ReadFile("docs/index.html")
	return verbatim{contentType: "text/html; charset=utf-8", header: docsHeader, body: page}, err
}

// GetDocsAsset implements GET /docs/{asset}.
func (s *Server) GetDocsAsset(_ context.Context, r api.GetDocsAssetRequestObject) (api.GetDocsAssetResponseObject, error) {
	body, err := fs.ReadFile(docs, "docs/"+r.Asset)
	if err != nil {
		body, err = fs.ReadFile(swagger.FS, r.Asset)
	}
	if err != nil {
		return nil, errs.Wrap(err, errs.NotFound, "Swagger UI has no such file")
	}
	return verbatim{contentType: mime.TypeByExtension(path.Ext(r.Asset)), header: docsHeader, body: body}, nil
}
