// Package codegen holds the go:generate lines, in the order they need: openapi.yaml
// becomes gen/model, gen/api and gen/client, and the handlers that all kinds of resource
// have alike; db becomes the queries; and these, what store says of them by rote. The
// tools are pinned in internal/tools/go.mod.
package codegen

//go:generate go tool -modfile=../tools/go.mod oapi-codegen -config model.yaml ../../openapi.yaml
//go:generate go tool -modfile=../tools/go.mod oapi-codegen -config api.yaml ../../openapi.yaml
//go:generate go tool -modfile=../tools/go.mod oapi-codegen -config client.yaml ../../openapi.yaml
//go:generate go run ./crud
//go:generate go tool -modfile=../tools/go.mod sqlc generate -f ../../sqlc.yaml
//go:generate go run ./store
