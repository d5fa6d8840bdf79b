// Package metagate holds the contract. The program is in cmd/metagate.
package metagate

import _ "embed"

// OpenAPI is openapi.yaml.
//
//go:embed openapi.yaml
var OpenAPI []byte
