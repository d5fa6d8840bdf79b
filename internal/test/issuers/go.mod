module github.com/legivellum/metagate/internal/test/issuers

go 1.26.0

replace (
	github.com/legivellum/metagate => ../../..
	github.com/legivellum/metagate/component => ../../../component
)

require (
	github.com/legivellum/metagate v0.0.0
	github.com/spiffe/go-spiffe/v2 v2.9.0
	github.com/stretchr/testify v1.12.1
	github.com/zitadel/oidc/v3 v3.52.0
)
