// Package codegen holds the go:generate lines that turn openapi.yaml into
// gen/model, gen/api and gen/client. The tools are pinned in internal/tools/go.mod.
package codegen

//go:generate go tool -modfile=../tools/go.mod oapi-codegen -config model.yaml ../../openapi.yaml
//go:generate go tool -modfile=../tools/go.mod oapi-codegen -config api.yaml ../../openapi.yaml
//go:generate go tool -modfile=../tools/go.mod oapi-codegen -config client.yaml ../../openapi.yaml
