# Chartroom from a fresh clone: `make run` starts it, `make test` proves it.
# Needs rustup with cargo, node 20 or newer, and npm; the rest is fetched.

PORT ?= 8080
DATA ?= .chartroom
STAGES ?=
SECONDS ?= 60
SEED ?= 1
MINUTES ?= 20
SERVERS ?=

.DEFAULT_GOAL := help
.PHONY: help run build test sim load-hostile fuzz-smoke bench bench-micro bench-client format deny clean

help: ## Shows this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make run PORT=9000 DATA=/var/tmp/charts    another port, another store"
	@echo "  make test STAGES=\"unit browser\"            some stages; node scripts/test.mjs --list names them"

run: ## Builds what has changed, starts the server with the sample patients, prints the address.
	@node scripts/run.mjs --port $(PORT) --data $(DATA)

build: ## Builds server, browser module and workspace, and starts nothing.
	@node scripts/run.mjs --build-only

test: ## Runs everything, from format to browser; the last line counts what passed and failed.
	@node scripts/test.mjs $(STAGES)

sim: ## Simulates people, links and a store that fail, or with SERVERS=1 servers in a ring, from SEED on for MINUTES; `tests/artifacts` keeps a plan that fails.
	@cargo run --release -q -p chartroom-tests --bin sim -- $(if $(SERVERS),--ring) --seed $(SEED) --minutes $(MINUTES)

load-hostile: ## Measures what 200 hostile connections do to 50 honest people.
	@cargo build --release -p chartroom-server
	@cargo run --release -p chartroom-tests --example hostile_load

fuzz-smoke: ## Runs every fuzz target for SECONDS under libFuzzer; a planted bug must be found, and no other.
	@node scripts/fuzz.mjs smoke $(SECONDS)

bench: ## Measures Chartroom beside its peers, each on one core; writes docs/performance.
	@node scripts/bench.mjs

bench-micro: ## Times the engine's parts one by one: room, session, codec, load.
	@cargo bench -p chartroom-engine --bench room --bench session --bench codec --bench load

bench-client: ## Times what the browser module does with a large chart and with others' edits.
	@node client-wasm/bench/remote-edits.mjs

format: ## Formats the Rust sources.
	@cargo fmt --all

deny: ## Checks licences and advisories with cargo-deny; fetches the advisory database.
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing: cargo install cargo-deny --locked"; exit 1; }
	@cargo deny --all-features check

clean: ## Removes what was built; the store stays.
	@rm -rf target client-wasm/dist client-wasm/node_modules web/dist web/node_modules tests/*/node_modules tests/artifacts bench/peers/target bench/peers/node_modules
