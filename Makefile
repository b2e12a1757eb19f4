# Targets for people and for CI. `make test` is the whole check of a change.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/legwork, stripped, as it is released
	$(GO) build -trimpath -ldflags '-s -w' -o bin/legwork ./cmd/legwork

.PHONY: test
test: need vet lint ## Vet, lint and run every test with the race detector
	$(GO) test -race -parallel 8 -timeout 30m ./...

.PHONY: need
need: ## Install what the tests need, or say what is missing
	@sh scripts/need.sh redis-server redis-server
	@sh scripts/need.sh curl curl
	@sh scripts/need.sh jq jq

.PHONY: vet
vet: ## Run go vet
	$(GO) vet ./...

.PHONY: lint
lint: bin/golangci-lint ## Run golangci-lint, which also holds the import rules
	bin/golangci-lint run ./...

bin/golangci-lint: tools/go.mod
	$(GO) build -C tools -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: quickstart
quickstart: need ## Walk through the README in a fresh copy, command by command
	$(GO) test -count=1 -v -run TestReadme .

.PHONY: bench
bench: need ## Measure Legwork beside plain asynq (takes minutes)
	$(GO) test -run '^$$' -bench . -timeout 60m ./internal/bench

.PHONY: control
control: need ## Measure the control plane over 1.2 million jobs (takes minutes)
	$(GO) run ./internal/bench/control/program

.PHONY: chaos
chaos: need ## Kill, freeze and cut off workers and Redis under load (takes minutes)
	LEGWORK_CHAOS=full $(GO) test -count=1 -v -parallel 3 -timeout 40m -run 'Killed|Cut|Frozen' ./internal/chaos

.PHONY: startup
startup: need ## Measure the time from start to first answer
	@sh scripts/startup.sh

.PHONY: fuzz
fuzz: need ## Fuzz everything that parses input, half a minute each
	sh scripts/fuzz.sh 30s

.PHONY: flaky
flaky: need ## Run the concurrent rooms' tests 50 times
	$(GO) test -race -count=50 -timeout 120m ./internal/engine ./internal/inspect ./internal/httpapi ./internal/app

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin
