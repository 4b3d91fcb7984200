# usher: see README.md. Tools run at the versions pinned here, fetched by go.

GO         ?= go
GOTESTSUM   = $(GO) run gotest.tools/gotestsum@v1.13.0
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: build demo test fuzz lint bench browser node nginx clean

build: ## the server, Caddy with usher's modules compiled in
	$(GO) build -trimpath -o bin/usher ./cmd/usher

demo: build ## a hub and two sites on this machine
	@exec sh examples/demo/start.sh

test: browser node nginx ## everything; says at the end what was skipped
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GOTESTSUM) --format pkgname -- $(RACE) -p 3 -timeout 14m $$($(GO) list ./... | grep -v $(E2E:./%=%))
	USHER_RACE=1 $(GOTESTSUM) --format pkgname -- -timeout 14m $(E2E)
	@$(MAKE) --no-print-directory fuzz FUZZTIME=3s FUZZ="internal/gate internal/token"

# Up to half of the time would go into watching a library hash passwords, in
# memory that it shares with nobody.
RACE = -race -gcflags=golang.org/x/crypto/argon2=-race=0

# The tests of the whole server have the race detector in the server only: they
# are busy with browsers, and would spend a fifth of their time on the search.
E2E = ./internal/e2etest

# What reads hostile input is fuzzed: in make test a moment each where a mistake
# would let somebody in, by make fuzz all of it for longer.
FUZZTIME ?= 30s
FUZZ     ?= $(shell grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u)

fuzz: ## every fuzz target for FUZZTIME
	@for dir in $(FUZZ); do \
		for target in $$(grep -ho '^func Fuzz[A-Za-z]*' $$dir/*_test.go | cut -d' ' -f2); do \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) ./$$dir || exit 1; \
		done; \
	done

browser: # installs Chromium for the browser tests where that is possible, and one without a window, which takes a quarter less time
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
		if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
		else \
			echo "!!! Chromium is not installed and cannot be installed from here: the browser tests WILL BE SKIPPED."; \
			echo "!!! Install the package chromium and run make test again."; \
		fi; }
	@command -v chromium-headless-shell >/dev/null || command -v chrome-headless-shell >/dev/null || { \
		command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq && \
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium-headless-shell || \
			echo "!!! chromium-headless-shell is not installed: most browser tests take the whole Chromium, and longer."; }

node: # installs Node.js and npm, with which the tests install Cleeng's client library and axe, where that is possible
	@command -v node >/dev/null && command -v npm >/dev/null || { \
		if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm; \
		else \
			echo "!!! npm is not installed and cannot be installed from here: the tests with Cleeng's client library and axe WILL BE SKIPPED."; \
			echo "!!! Install the packages nodejs and npm and run make test again."; \
		fi; }

nginx: # installs nginx, which the tests run with the documented configuration, where that is possible
	@command -v nginx >/dev/null || { \
		if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx-light; \
		else \
			echo "!!! nginx is not installed and cannot be installed from here: the test of its configuration WILL BE SKIPPED."; \
			echo "!!! Install the package nginx-light and run make test again."; \
		fi; }

lint: ## what reviewers would find first
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(STATICCHECK) ./...
	$(GO) mod tidy -diff

bench: ## ratios measured side by side: the gate and bare Caddy, API and respond, sign-in and raw hashing; and what pages cost
	$(GO) run ./internal/bench
	$(GO) test -run '^$$' -bench . -benchmem ./internal/gate ./internal/token ./authstore/bolt ./internal/i18n ./pages
	$(GO) test -run '^$$' -bench 'Hash|CheckPassword' -benchmem ./internal/customer
	$(GO) test -run '^$$' -bench Entry -benchtime 5x ./internal/customer
	$(GO) test -run '^$$' -bench 'API|Hops' -benchtime 15x ./internal/e2etest
	$(GO) test -run '^$$' -bench Gate -benchtime 15x ./caddymodule

clean:
	rm -rf bin
