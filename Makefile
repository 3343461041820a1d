# `make demo` and `make test` do all set-up on a Debian or Ubuntu machine that has Rust; elsewhere they name what is missing.
#
# All but the benches build with the dev profile: its dependencies are optimised (Cargo.toml), so the demo's world runs well, one
# build serves the demo and the tests, and a fresh machine waits minutes less than for a release build.

SHELL := bash
CARGO := $(or $(shell command -v cargo),$(HOME)/.cargo/bin/cargo)
# More for the program or the test runner: make demo ARGS="--for 30s", make test ARGS="-E 'test(pool)'".
ARGS :=
# How often `make test-faults` makes each fault.
ROUNDS := 20

.PHONY: demo test test-faults screenshots gate page-check fmt docs bench bench-detect bench-bus bench-page bench-history trial-advice help
.DEFAULT_GOAL := help

demo: ## three real regions, watched, with incidents that come and go: http://127.0.0.1:3000
	@.ci/setup demo
	@$(CARGO) run --locked -- demo $(ARGS)

test: ## every test, on real servers of PostgreSQL 13 to 18
	@.ci/setup test
	@ulimit -n 65536 2>/dev/null || ulimit -n "$$(ulimit -Hn)"; $(CARGO) nextest run --locked $(ARGS)

test-faults: ## the whole fault table of clusters, each fault 20 times, and what else takes minutes: hours (ISOBAR_FAULT_SEED=N repeats a run)
	@.ci/setup test
	@ulimit -n 65536 2>/dev/null || ulimit -n "$$(ulimit -Hn)"; ISOBAR_FAULT_ROUNDS=$(ROUNDS) $(CARGO) nextest run --locked --profile faults \
	  --test world --success-output immediate --no-fail-fast --run-ignored only \
	  -E 'test(cluster::table::) | test(supabase::a_disk)' $(ARGS)

screenshots: ## pictures of every view of the demo's page, light and dark, to docs/dashboard
	@.ci/setup test
	@$(CARGO) nextest run --locked --test world --run-ignored only -E 'test(dashboard::picture)' $(ARGS)

gate: ## what a change must pass beside the tests: format, lints, docs, the page, dependencies
	@.ci/setup gate
	@.ci/vendor --check
	@$(MAKE) --no-print-directory page-check
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps
	@$(CARGO) fetch --locked --quiet # crates of other systems too: they are judged as well
	$(CARGO) deny --locked --offline check bans licenses sources
	@if $(CARGO) deny --locked fetch db >/dev/null 2>&1; \
	then $(CARGO) deny --locked --offline check advisories; \
	else echo 'gate: ADVISORIES NOT CHECKED: their database cannot be fetched from here'; fi

page-check: ## the page's own files: format, lints, types; `.ci/page/check --write` formats them
	@.ci/page/check

fmt: ## format the code
	$(CARGO) fmt

docs: ## the code's documentation, opened in a browser
	$(CARGO) doc --locked --no-deps --open

bench: ## what watching costs; writes the tables in docs/benchmarks.md
	@.ci/setup test
	$(CARGO) bench --locked $(ARGS)

bench-detect: ## how long it takes from a fault to the message at a channel
	@.ci/setup test
	$(CARGO) bench --locked -- detection

bench-bus: ## what carrying samples between nodes takes
	@.ci/setup test
	$(CARGO) bench --locked -- bus

trial-advice: ## the advice, taken and measured on real loads, 20 minutes on a quiet machine (ARGS="bursty locks" runs some); the table is in docs/advice.md
	@.ci/setup test
	$(CARGO) bench --locked --profile dev -- advice-trial $(ARGS)

bench-page: ## what the page takes of a visitor's machine, and its visitors of the server's: 25 minutes (ISOBAR_BENCH_MINUTES=N looks for N minutes at each view instead of 10)
	@.ci/setup test
	ISOBAR_BENCH_MINUTES=$${ISOBAR_BENCH_MINUTES:-10} $(CARGO) bench --locked -- page

bench-history: ## what keeping the past takes: disk, processor, how long a chart waits, and what looking at it takes (ISOBAR_BENCH_HOURS=N lives for N hours instead of 24)
	$(CARGO) bench --locked -- history

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12
