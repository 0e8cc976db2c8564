# What a developer types. `make` lists it. The versions of the tools are in
# scripts/versions.env; all that is installed goes into .cache, bin, and
# node_modules of e2e and viewer, but for Debian packages.

SHELL := bash

# A clone that another user owns (in a container, in CI) makes Go's version
# stamping fail; nothing here needs the stamp.
export GOFLAGS := $(GOFLAGS) -buildvcs=false
export PATH := $(CURDIR)/.cache/bin:$(PATH)

# xcaddy builds with -trimpath and these tags. Lint, vet and its build then
# share the compiled packages of Caddy, which take minutes to make.
AS_XCADDY := GOFLAGS="$(GOFLAGS) -trimpath -tags=nobadger,nomysql,nopgx"

# make soak SOAK_TIME=10m SOAK_PACKAGES=./joblog/...
SOAK_TIME ?= 2m
SOAK_COUNT ?= 5
SOAK_PACKAGES ?= ./...

# make fuzz FUZZ_TIME=10m FUZZ_PACKAGES=./joblog
FUZZ_TIME ?= 30s
FUZZ_PACKAGES ?= ./...

.PHONY: help run build test unit setup lint vet viewer check fuzz bench soak screenshots clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: ## serve Caddyfile.example on http://localhost:8080
	@mkdir -p .cache
	go build -o .cache/caddy ./cmd/caddy
	exec .cache/caddy run --config Caddyfile.example

build: tools ## build bin/caddy with xcaddy, as users do
	scripts/build-caddy

test: setup lint vet check fuzz build ## everything: install what is needed, lint, vet, test, fuzz, build

unit: postgres ## the tests of every minute: no browsers, no race detector
	go test $$(go list ./... | grep -v -e /e2e -e /bench)

lint: tools ## check style and formatting
	$(AS_XCADDY) golangci-lint run ./...

vet:
	$(AS_XCADDY) go vet ./...
	cd bench/peers && go vet ./...

viewer: ## build the page's files, viewer/dist, from viewer/src
	scripts/install-clients
	cd viewer && node_modules/.bin/tsc --noEmit && node build.mjs

check: setup ## run the tests, under the race detector
	cd viewer && node_modules/.bin/tsc --noEmit && npm test --silent
	go test -race -timeout 30m ./...
	go test -race -timeout 30m . ./e2e -parking off

fuzz: ## run the fuzzers of FUZZ_PACKAGES, FUZZ_TIME each
	scripts/fuzz $(FUZZ_TIME) $(FUZZ_PACKAGES)

soak: setup ## run the tests and the fuzzers for long: SOAK_TIME a fuzzer, SOAK_COUNT rounds
	scripts/soak $(SOAK_TIME) $(SOAK_COUNT) $(SOAK_PACKAGES)

bench: setup ## measure: many hours, and the machine to itself; see bench/RESULTS.md
	go test -run '^$$' -bench 'Tick|Plans|OpenTransaction' -benchtime 200x -timeout 120m -v ./postgres
	go test -run '^$$' -bench . -benchtime 1x -timeout 90m ./bench
	go run ./bench/fanout
	go run ./bench/endure
	go run ./bench/viewer

screenshots: setup ## picture the page: docs/viewer.png, and more in .cache/screenshots
	go test -count 1 -timeout 5m -run TestViewerScenes ./e2e -shots $(CURDIR)/.cache/screenshots -picture $(CURDIR)/docs/viewer.png

setup: tools packages clients postgres peers

.PHONY: tools packages clients postgres peers
tools:
	@scripts/install-tools
packages:
	@scripts/install-packages
clients: e2e/package-lock.json
	@scripts/install-clients
postgres:
	@scripts/install-postgres
peers:
	@scripts/install-peers

fmt: tools ## format the code
	golangci-lint fmt

clean: ## remove what make has fetched and built
	rm -rf .cache bin e2e/node_modules viewer/node_modules
