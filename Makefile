# thumbedge: every target installs what it lacks. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TAGS    := turbojpeg
# Reproducible: the same commit makes the same bytes, wherever it is built.
GOBUILD = go build -trimpath -buildvcs=false -ldflags '-s -w -buildid= $(LDFLAGS)'
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION)
TOOLS   := $(CURDIR)/.tools
FUZZTIME ?= 10s
export PATH := $(TOOLS):$(PATH)

# Debian and Ubuntu packages. Pinned Go tools are built apart from go.mod.
BUILD_PACKAGES := libjpeg-dev
DEMO_PACKAGES  := $(BUILD_PACKAGES) postgresql
TEST_PACKAGES  := $(DEMO_PACKAGES) chromium fonts-dejavu-core pgbouncer nginx libnginx-mod-stream varnish curl wget systemd prometheus gunicorn python3-django python3-uvicorn python3-pil
IMAGE_PACKAGES := debootstrap iproute2
RELEASE_PACKAGES := $(BUILD_PACKAGES) $(IMAGE_PACKAGES) lintian mandoc
BENCH_PACKAGES := $(TEST_PACKAGES) libnginx-mod-http-lua wrk libvips-tools
# Node comes with npm from some sources, and without it in Debian's packages.
CACHE_PACKAGES = postgresql nginx varnish $(if $(shell command -v npm),,nodejs npm)

VERSITYGW := github.com/versity/versitygw/cmd/versitygw@v1.8.0
TOXIPROXY := github.com/Shopify/toxiproxy/v2/cmd/server@v2.5.0
GOLANGCI  := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

## help: list the targets
.PHONY: help
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | awk -F': ' '{printf "  make %-14s %s\n", $$1, $$2}'

## build: bin/thumbedge with the libjpeg-turbo engine
.PHONY: build
build: packages-build
	go build -tags $(TAGS) -ldflags '$(LDFLAGS)' -o bin/thumbedge ./cmd/thumbedge

## demo: everything at once on this machine, with a gallery to open
.PHONY: demo
demo: packages-demo build
	./bin/thumbedge demo

## release: into dist/, linux archives, .deb and SHA256SUMS (amd64 with libjpeg-turbo; amd64, arm64 in pure Go), with a bill of materials each
.PHONY: release
release: export SOURCE_DATE_EPOCH = $(shell git log -1 --format=%ct)
release: packages-build
	rm -rf dist && mkdir -p dist
	go run ./deploy/debian/manual dist/man '$(VERSION)'
	cd deploy/sbom && go build -o ../../dist/sbom .
	$(call archive,amd64,-turbojpeg,CGO_ENABLED=1,-tags turbojpeg)
	$(call archive,amd64,,CGO_ENABLED=0,)
	$(call archive,arm64,,CGO_ENABLED=0,)
	deploy/debian/build amd64 dist/thumbedge-$(VERSION)-linux-amd64-turbojpeg '$(VERSION)'
	deploy/debian/build arm64 dist/thumbedge-$(VERSION)-linux-arm64 '$(VERSION)'
	rm -r dist/sbom dist/*/
	cd dist && sha256sum *.tar.gz *.deb *.cdx.json >SHA256SUMS

# archive ARCHITECTURE,SUFFIX,ENVIRONMENT,FLAGS: one archive, its entries sorted and
# dated by the commit, and its bill of materials.
define archive
	@name=thumbedge-$(VERSION)-linux-$(1)$(2); echo "dist/$$name.tar.gz"; mkdir -p dist/$$name; \
	GOOS=linux GOARCH=$(1) $(3) $(GOBUILD) $(4) -o dist/$$name/thumbedge ./cmd/thumbedge; \
	dist/sbom dist/$$name/thumbedge '$(VERSION)' dist/$$name.cdx.json dist/$$name/LICENSES.txt; \
	cp dist/$$name.cdx.json dist/$$name/sbom.cdx.json; \
	cp -r LICENSE README.md CHANGELOG.md config.example.toml deploy/RUNBOOK.md deploy/CDN.md deploy/METRICS.md deploy/CONFIGURATION.md deploy/systemd deploy/nginx dist/man dist/$$name/; \
	tar -C dist --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime=@$$SOURCE_DATE_EPOCH -cf - $$name | gzip -9n >dist/$$name.tar.gz
endef

## test: every test, on real PostgreSQL, S3, toxiproxy and Chromium
.PHONY: test
test: packages-test tools
	CGO_ENABLED=0 go build -o /dev/null ./cmd/thumbedge
	go vet -tags $(TAGS) ./...
	go test -race ./imaging/render/...
	go test -tags $(TAGS) -race -shuffle=on -p 1 -timeout 20m ./...
	go test -tags $(TAGS) -run 'Alloc|Curve|HitRatio|LargePage' ./proxy/... ./resolver/... ./imaging/...

## test-asan: the engine's C under AddressSanitizer and UBSan: tests, corpus, and FUZZTIME (20s) of fuzzing
.PHONY: test-asan
test-asan: export CGO_CFLAGS = -g -O1 -fsanitize=undefined -fno-sanitize-recover=all
test-asan: export CGO_LDFLAGS = -fsanitize=undefined
test-asan: FUZZTIME ?= 20s
test-asan: packages-build
	go test -asan -tags $(TAGS) -timeout 20m -run 'Cameras|CutOff|Bad|Eighth|Fuzz' ./imaging/render/...
	go test -asan -tags $(TAGS) -run '^$$' -fuzz FuzzDecode -fuzztime $(FUZZTIME) -parallel 1 ./imaging/render/libjpeg

## quick: every test that needs no service, without the race detector
.PHONY: quick
quick: packages-build
	go test -tags $(TAGS) $$(go list -tags $(TAGS) -f '{{.ImportPath}} {{.Imports}} {{.TestImports}} {{.XTestImports}}' ./... | grep -v -e internal/testenv -e '/deploy ' | cut -d' ' -f1)

## cache-tests: the tests of cache-tests.fyi on nginx, Varnish and thumbedge (ONLY=thumbedge ID=test)
.PHONY: cache-tests
cache-tests: packages-cache $(TOOLS)/http-cache-tests/node_modules/.package-lock.json
	go run ./bench/cachetests -only '$(ONLY)' -id '$(ID)'

# npm writes this file last.
$(TOOLS)/http-cache-tests/node_modules/.package-lock.json: bench/cachetests/package.json bench/cachetests/package-lock.json | packages-cache
	mkdir -p $(TOOLS)/http-cache-tests
	cp $^ $(TOOLS)/http-cache-tests/
	cd $(TOOLS)/http-cache-tests && npm ci --ignore-scripts --no-audit --no-fund

## test-bare: `make demo` and `make test` in a new Debian that has nothing else; as root
.PHONY: test-bare
test-bare: packages-image
	.ci/bare .ci/demo 'make test'

## fuzz: each fuzz target for some seconds (FUZZTIME=10s)
.PHONY: fuzz
fuzz: packages-build
	.ci/fuzz $(FUZZTIME)

## cross: builds for the systems that nothing here runs on
.PHONY: cross
cross:
	@for platform in darwin/amd64 darwin/arm64 freebsd/amd64 linux/arm64; do echo "building for $$platform"; \
	  CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} go build -o /dev/null ./cmd/thumbedge || exit 1; done

## pictures: take the README's pictures anew
.PHONY: pictures
pictures: packages-test tools
	go test -tags $(TAGS) -count=1 -run TestGallery ./cmd/thumbedge/demo
	cp artefacts/gallery.jpg deploy/pictures/
	go test -tags $(TAGS) -count=1 -run 'TestStatusPage$$' ./cmd/thumbedge/program
	/usr/bin/python3 -c 'from PIL import Image; Image.open("artefacts/status_light.png").convert("RGB").crop((0, 0, 1280, 1070)).save("deploy/pictures/status.jpg", quality=85)'

## test-release: make the release twice, look at what is in it, install, upgrade and purge the .deb; as root
.PHONY: test-release
test-release: packages-release
	go test -tags release -count=1 -run Release -timeout 20m ./deploy
	go test -tags release -count=1 -timeout 10m ./deploy/debian

## test-image: the Dockerfile's steps in a clean Debian, and the image's start; as root
.PHONY: test-image
test-image: packages-image
	go test -tags image -count=1 -v -timeout 20m ./deploy/image

## lint: formatting, go.mod, golangci-lint with the import rules, the formats of deploy/, licences
.PHONY: lint
lint: packages-build $(TOOLS)/golangci-lint
	go mod tidy -diff
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "not gofmt'ed: $$unformatted"; exit 1; }
	golangci-lint run --build-tags $(TAGS),image,release ./...
	cd deploy/lint && go test ./...
	cd deploy/sbom && go vet ./...

## tools: the pinned tools that tests run, into .tools
.PHONY: tools
tools: $(TOOLS)/versitygw $(TOOLS)/toxiproxy-server

$(TOOLS)/versitygw:
	GOBIN=$(TOOLS) GOFLAGS= go install $(VERSITYGW)

$(TOOLS)/toxiproxy-server:
	GOBIN=$(TOOLS) GOFLAGS= go install $(TOXIPROXY)
	mv $(TOOLS)/server $@

$(TOOLS)/golangci-lint:
	GOBIN=$(TOOLS) GOFLAGS= go install $(GOLANGCI)

# packages-X installs the packages X needs that are missing: by apt as root,
# otherwise it says in one line what to install.
.PHONY: packages-build packages-demo packages-test packages-image packages-release packages-bench packages-cache
packages-build: PACKAGES = $(BUILD_PACKAGES)
packages-demo:  PACKAGES = $(DEMO_PACKAGES)
packages-test:  PACKAGES = $(TEST_PACKAGES)
packages-image: PACKAGES = $(IMAGE_PACKAGES)
packages-release: PACKAGES = $(RELEASE_PACKAGES)
packages-bench: PACKAGES = $(BENCH_PACKAGES)
packages-cache: PACKAGES = $(CACHE_PACKAGES)
packages-build packages-demo packages-test packages-image packages-release packages-bench packages-cache:
	@missing=(); for p in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'install ok installed' || missing+=($$p); done; \
	if (( $${#missing[@]} )); then \
	  if [ "$$(id -u)" != 0 ]; then echo "install these first: sudo apt-get install $${missing[*]}"; exit 1; fi; \
	  echo "installing $${missing[*]}"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $${missing[*]} >/dev/null; \
	fi

## bench: all the comparisons below, one after another
.PHONY: bench
bench: bench-proxy bench-render bench-cold bench-prefetch bench-db bench-memory bench-cache bench-crowd bench-curve bench-reconcile

## bench-proxy: CPU a request beside nginx, nginx with Lua and Go's own proxy
.PHONY: bench-proxy
bench-proxy: packages-bench
	go run -tags $(TAGS) ./bench/proxy

## bench-render: rendering beside Pillow and libvips
.PHONY: bench-render
bench-render: packages-bench
	go run -tags $(TAGS) ./bench/render

## bench-cold: a cold gallery beside the app doing it itself
.PHONY: bench-cold
bench-cold: packages-bench
	go run -tags $(TAGS) ./bench/cold

## bench-prefetch: a cold gallery in a browser, with rewrite.prefetch and without
.PHONY: bench-prefetch
bench-prefetch: packages-bench
	go run -tags $(TAGS) ./bench/prefetch

## bench-db: the page query and the triggers on large tables
.PHONY: bench-db
bench-db: packages-demo
	go run ./bench/db

## bench-memory: what a running serve takes for each capture that it holds
.PHONY: bench-memory
bench-memory: packages-demo
	go run ./bench/memory
	go run ./bench/memory -captures 0

## bench-cache: the warm set's memory, look-ups and hit ratio
.PHONY: bench-cache
bench-cache:
	go test -run '^$$' -bench '^BenchmarkPage' ./resolver
	go test -run '^$$' -bench 'Memory|HitRatio' -benchtime 1x ./resolver

## bench-crowd: what one client's largest pages cost everybody else
.PHONY: bench-crowd
bench-crowd: packages-demo
	go run ./bench/crowd
	go test -run '^$$' -bench LargePage -benchtime 1x ./resolver

## bench-curve: the size curve's error over long traces, and what it takes
.PHONY: bench-curve
bench-curve:
	go test -run '^$$' -bench Curve -benchtime 1x ./resolver
	THUMBEDGE_CURVE_PAGES=100000 go test -run 'TestCurve$$' -timeout 40m -v ./resolver
	THUMBEDGE_CURVE_REQUESTS=60000 go test -run 'TestCurve$$' -timeout 40m -v ./proxy/responses

## bench-reconcile: a dry run over 1,000,000 rows and files, then on S3 over fewer
.PHONY: bench-reconcile
bench-reconcile: packages-demo tools
	go run ./bench/reconcile
	go run ./bench/reconcile -s3 -rows 30000

## soak: ten minutes of random requests and faults
.PHONY: soak
soak: packages-test tools
	THUMBEDGE_SOAK=10m go test -tags $(TAGS) -run Soak -timeout 30m -v ./cmd/thumbedge/program

## history: three replicas under random requests and faults, judged from outside (DURATION=10m, SEED=0: another each time)
.PHONY: history
history: DURATION ?= 10m
history: SEED ?= 0
history: packages-test tools
	go test -tags $(TAGS) -count=1 -v -timeout 4h -run 'TestHistory$$' ./internal/history/drive -history.clocks -history.duration $(DURATION) -history.seed $(SEED)

## history-mutants: plant a fault at a time in thumbedge; the same judge has to find each
.PHONY: history-mutants
history-mutants: SEED ?= 1
history-mutants: packages-test tools
	go test -tags $(TAGS) -count=1 -v -timeout 2h -run 'Mutants' ./internal/history/drive -history.mutants . -history.seed $(SEED)

## cache-model: random requests to the response cache, held against RFC 9111 (DURATION=10m SEED=…)
.PHONY: cache-model
cache-model: DURATION ?= 10m
cache-model: packages-test
	THUMBEDGE_CACHE_MODEL=$(DURATION) THUMBEDGE_CACHE_MODEL_SEED=$(SEED) THUMBEDGE_CACHE_MODEL_CLOCKS=1 go test -tags $(TAGS) -count=1 -run 'ResponsesModel$$|WallClock' -timeout 2h -v ./cmd/thumbedge/program

## gallery-tabs: what thirty tabs on one public gallery cost the app, with anonymous_pages and without
.PHONY: gallery-tabs
gallery-tabs: packages-test tools
	THUMBEDGE_GALLERY_TABS=30 go test -tags $(TAGS) -count=1 -run 'ManyTabs' -timeout 20m -v ./cmd/thumbedge/program

## clean: remove what was built; the demo's data and the tools stay
.PHONY: clean
clean:
	rm -rf bin dist artefacts
