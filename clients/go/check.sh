# The Go client is committed, in gen/client: there is nothing to generate.
set -eu
CGO_ENABLED=0 go run .
