# `make` lists the targets. Works with GNU make 3.81 (macOS) and later.

# Tools are pinned in their own module; without cgo they build anywhere.
MODFILE := -modfile="$(CURDIR)/internal/tools/go.mod"
TOOL    := CGO_ENABLED=0 go tool $(MODFILE)
REDOCLY := REDOCLY_SUPPRESS_UPDATE_NOTICE=true npx --yes @redocly/cli@2.77.0

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS := -s -w $(if $(VERSION),-X main.version=$(VERSION)) $(if $(REVISION),-X github.com/legivellum/metagate/internal/telemetry.revision=$(REVISION))

# Starts a private PostgreSQL and sets TEST_DATABASE_URL for the command behind it.
WITH_POSTGRES := go run ./internal/test/testdb/with-postgres
PKG           ?= ./...
# Are bench and component tested too? They are modules of their own, which ./... leaves out.
ALL           := $(filter ./...,$(PKG))
TESTFLAGS     ?=
# Every package, and theirs, each told when it is done: $(call TESTS,FLAGS).
GOTESTSUM     := go tool $(MODFILE) gotestsum --format pkgname-and-test-fails --format-hide-empty-pkg
TESTS          = $(GOTESTSUM) -- $(1) $(PKG)$(if $(ALL), && (cd component && $(GOTESTSUM) -- $(1) ./...) && cd bench && $(GOTESTSUM) -- $(1) ./...)
FUZZTIME      ?= 10s
OLD           ?= HEAD
ROUNDS        ?= 11

.DEFAULT_GOAL := help
.NOTPARALLEL: # regenerating and linting gen/ at once would race

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Build bin/metagate and start a demo server on embedded SQLite
	@exec bin/metagate dev

.PHONY: build
build: ## Build the static binaries bin/metagate and bin/metagate-component
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/ ./cmd/metagate ./cmd/metagate-component

.PHONY: docker
docker: ## Build the container image metagate
	docker build --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) -t metagate .

.PHONY: generate
generate: ## Rebuild what is generated from openapi.yaml and db/
	rm -rf gen internal/server/*.gen.go internal/store/*.gen.go
	CGO_ENABLED=0 go generate ./internal/codegen

.PHONY: fmt
fmt: ## Format the Go code
	$(TOOL) golangci-lint fmt

# Without cgo, as the binary ships: a C compiler isn't needed. Packages one after another, and few tests at a time: a request has a second, also on two processors.
.PHONY: test
test: ## Run every test on both engines (PKG=./internal/store for one package)
	@echo 'testing $(PKG) on both engines: a quarter of an hour on two processors; each package is told when it is done'
	CGO_ENABLED=0 $(WITH_POSTGRES) sh -c '$(call TESTS,-timeout 45m -p 1 -parallel 3 $(TESTFLAGS))'

# The race detector needs cgo, and so a C compiler; it makes the pure Go SQLite several times slower: one package at a time, for what has a deadline.
.PHONY: race
race: ## Run every test under the race detector
	CGO_ENABLED=1 $(WITH_POSTGRES) sh -c '$(call TESTS,-race -timeout 60m -p 1 -parallel 3 $(TESTFLAGS))'

# The rooms that need no whole server, on SQLite alone: what to run while one writes.
.PHONY: check
check: ## Vet, check the format and run the quick tests on SQLite alone: under a minute
	go vet ./...
	@$(MAKE) --no-print-directory verify-fmt
	CGO_ENABLED=0 TEST_ENGINES=sqlite go test $(filter-out %/internal/app %/internal/cli %/testdb %/with-postgres,$(shell go list ./internal/...))
	CGO_ENABLED=0 go test -C component ./...

# Part of `make test`, too; here a missing Python is a failure, as in CI.
.PHONY: test-mcp-python
test-mcp-python: ## Drive POST /mcp with the official Python SDK and httpx
	CI=true CGO_ENABLED=0 $(WITH_POSTGRES) go test -count 1 -v -run TestPythonClients ./internal/mcp

# Each against a server of its own, on embedded SQLite; ONLY="python rust" for some of them.
ONLY ?=
.PHONY: clients
clients: build ## Generate clients in five languages, and run them and the starts in examples/
	@CGO_ENABLED=0 go run ./internal/test/clients $(ONLY)

# On both engines, as an admin and as a component: some minutes. SEED=2 tries other requests, EXAMPLES=100 more of them.
.PHONY: schemathesis
schemathesis: build ## Hold the server against openapi.yaml with schemathesis
	@CGO_ENABLED=0 go run ./internal/test/clients schemathesis

# A module of its own: who issues tokens brings dependencies that MetaGate has no use for.
.PHONY: test-issuers
test-issuers: ## Believe the tokens of a certified OpenID provider, and SVIDs as go-spiffe does
	CGO_ENABLED=0 go build -o bin/with-postgres ./internal/test/testdb/with-postgres
	cd internal/test/issuers && CGO_ENABLED=0 ../../../bin/with-postgres go test -count 1 -timeout 15m ./...

.PHONY: test-webhooks
test-webhooks: ## Verify what sinks are sent with the libraries of Standard Webhooks and CloudEvents
	CGO_ENABLED=0 go build -o bin/with-postgres ./internal/test/testdb/with-postgres
	cd internal/test/webhooks && CGO_ENABLED=0 ../../../bin/with-postgres go test -count 1 -timeout 15m ./...

# A module of its own, with axe-core from npm. PICTURES=1 makes docs/board.png anew.
.PHONY: test-board
test-board: ## Try the board in Chromium, and let axe-core look at each of its pages
	npm ci --no-audit --no-fund --prefix internal/test/board
	CGO_ENABLED=0 go build -o bin/with-postgres ./internal/test/testdb/with-postgres
	cd internal/test/board && CGO_ENABLED=0 ../../../bin/with-postgres go test -count 1 -timeout 15m ./...

# Building Kubernetes takes a quarter of an hour of processor time, once.
.PHONY: test-kubernetes
test-kubernetes: ## Believe the tokens of a real kube-apiserver, built from its Go module with its etcd
	cd internal/test/kubernetes && CGO_ENABLED=0 go build -o ../../../bin/test-etcd ./etcd
	cd internal/test/kubernetes && CGO_ENABLED=0 go build -ldflags '-X k8s.io/component-base/version.gitVersion=v1.36.3' -o ../../../bin/test-kube-apiserver ./apiserver
	CGO_ENABLED=0 go build -o bin/with-postgres ./internal/test/testdb/with-postgres
	cd internal/test/issuers && ETCD='$(CURDIR)/bin/test-etcd' KUBE_APISERVER='$(CURDIR)/bin/test-kube-apiserver' CGO_ENABLED=0 \
		../../../bin/with-postgres go test -count 1 -timeout 15m -tags kubernetes -run Cluster -v ./...

# A module of its own: Prometheus' parser and promtool. To build promtool takes some seven minutes of processor time, once, so
# one that is installed is taken (Debian's package prometheus).
PROMTOOL ?= $(shell command -v promtool)
.PHONY: test-alerts
test-alerts: ## Try each alert firing and silent, and hold rules and dashboard against a server's metrics
	cd internal/test/alerts && PROMTOOL='$(PROMTOOL)' CGO_ENABLED=0 go test -count 1 -timeout 30m ./...

# go test takes one fuzz target at a time.
.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (10s)
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' cmd db internal | while IFS=: read -r file func; do \
		echo "== $${func#func } ($$file)"; \
		go test -run '^$$' -fuzz "^$${func#func }$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" </dev/null || exit 1; \
	done

.PHONY: bench
bench: ## Measure both engines beside this machine's own limits, in one run
	go run -C bench . table

.PHONY: bench-growth
bench-growth: ## Measure what 100,000 principals and 5,000,000 receipts cost
	go run -C bench . growth

.PHONY: bench-overdue
bench-overdue: ## Measure how soon 10,000 overdue startups are events, beside 5,000,000 receipts and while replicas die
	go run -C bench . overdue

.PHONY: bench-ask
bench-ask: ## Measure how long an operator waits for the roster, a diff, the past, among 100,000 principals
	go run -C bench . ask

.PHONY: bench-writers
bench-writers: ## Measure what admins who write without pause cost those who start
	go run -C bench . writers

.PHONY: bench-pairs
bench-pairs: ## Measure this tree against OLD, a binary or a git revision, in ROUNDS turns; SLACK=1: as the systemd unit runs them; TOLD=1: the new one with a webhook and ten listeners
	go run -C bench . pairs --old '$(OLD)' --rounds $(ROUNDS) $(if $(SLACK),--slack) $(if $(TOLD),--told)

.PHONY: bench-doors
bench-doors: ## Measure bootstraps through /mcp beside those through REST, in ROUNDS turns
	go run -C bench . doors --rounds $(ROUNDS)

.PHONY: bench-tls
bench-tls: ## Measure bootstraps over TLS beside those over plain HTTP, in ROUNDS turns
	go run -C bench . tls --rounds $(ROUNDS)

.PHONY: bench-signed
bench-signed: ## Measure bootstraps with signed packets beside those with unsigned ones, in ROUNDS turns
	go run -C bench . signed --rounds $(ROUNDS)

.PHONY: bench-stream
bench-stream: ## Measure what listeners cost bootstraps, in ROUNDS turns, and an idle server
	go run -C bench . stream --rounds $(ROUNDS)

.PHONY: bench-hops
bench-hops: ## Measure whether one who hops between two replicas hears of every startup, at 5,000 a second
	go run -C bench . hops

.PHONY: bench-mirror
bench-mirror: ## Measure what the mirror to ReceiptGate costs bootstraps, in ROUNDS turns
	go run -C bench . mirror --rounds $(ROUNDS)

.PHONY: lint
lint: lint-go lint-openapi ## Lint the Go code and openapi.yaml

# golangci-lint leaves generated code out, so the import law of gen/ is checked here.
.PHONY: lint-go
lint-go:
	$(TOOL) golangci-lint run
	cd bench && $(TOOL) golangci-lint run
	cd component && $(TOOL) golangci-lint run
	cd internal/test/issuers && $(TOOL) golangci-lint run
	cd internal/test/webhooks && $(TOOL) golangci-lint run
	cd internal/test/alerts && $(TOOL) golangci-lint run
	cd internal/test/board && $(TOOL) golangci-lint run
	@! go list -f '{{.ImportPath}} imports {{join .Imports " "}}' ./gen/... | grep metagate/internal || \
		{ echo 'gen/ must not import internal/'; exit 1; }
	@! go list -deps ./gen/client | grep -E 'labstack|kin-openapi' || \
		{ echo 'gen/client must link no server'; exit 1; }

.PHONY: lint-openapi
lint-openapi:
	@command -v npx >/dev/null || { echo 'the OpenAPI linter needs Node.js 20.19 or later'; exit 1; }
	$(REDOCLY) lint openapi.yaml

.PHONY: verify
verify: verify-gen verify-mod verify-fmt ## Check that everything committed is generated, tidy, formatted and lint-free
	go vet ./...
	go vet -C bench ./...
	go vet -C component ./...
	go vet -C internal/test/issuers -tags kubernetes ./...
	go vet -C internal/test/alerts ./...
	go vet -C internal/test/board ./...
	@$(MAKE) --no-print-directory lint

.PHONY: verify-gen
verify-gen: generate
	@stale=$$(git status --porcelain gen '*.gen.go') || exit 1; [ -z "$$stale" ] || \
		{ echo "$$stale"; echo 'generated code is stale: run `make generate` and commit what it changes'; exit 1; }

.PHONY: verify-mod
verify-mod:
	go mod tidy -diff
	cd bench && go mod tidy -diff
	cd component && go mod tidy -diff
	cd internal/test/issuers && go mod tidy -diff
	cd internal/test/webhooks && go mod tidy -diff
	cd internal/test/alerts && go mod tidy -diff
	cd internal/test/board && go mod tidy -diff
	cd internal/tools && go mod tidy -diff

.PHONY: verify-fmt
verify-fmt:
	@gofmt -l . | { ! grep .; } || { echo 'not formatted: run `make fmt`'; exit 1; }
