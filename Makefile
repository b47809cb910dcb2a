# Majlis: everything that a person types is here, and CI types the same.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# One target folder and one profile for the demo and the tests: everything is built once.
TARGET := $(or $(CARGO_TARGET_DIR),target)
PLUGINS := $(TARGET)/debug
MAJLIS := $(TARGET)/debug/majlis
# Tests switch on features of libraries (tokio's clock that a test turns). Built without them first, half of everything would be built twice.
ALL := --workspace --all-targets

.PHONY: help demo test build bench onnxruntime livekit lint doc fmt clean

help: ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14

# What the demo is built of. Whoever has built what the tests need says DEMO_BUILD="$(ALL)", and nothing is built twice.
DEMO_BUILD := $(addprefix -p ,majlis majlis-images majlis-insightface majlis-greeting majlis-avatar-console)

demo: ## build, then receive drawn visitors with the pack of this repository (first build: minutes on 2 cores, then seconds)
	@echo "building the host and the plugins of the demo; the first time takes some minutes on 2 cores"
	cargo build $(DEMO_BUILD)
	@echo "running pipelines/demo.toml: nine pictures of a door, and who stands there"
	$(MAJLIS) --plugins $(PLUGINS) run pipelines/demo.toml

build: ## build the workspace
	cargo build --workspace

test: ## build, fetch what the tests can use, and run them (first time: 20 to 30 minutes on 2 cores)
	cargo build $(ALL)
	@bash tests/prepare.sh
	MAJLIS_PLUGINS=$(abspath $(PLUGINS)) cargo test --workspace --no-fail-fast

bench: ## measure, print a table, write target/bench.json (build first: 6 minutes or more; then 13); PEER=only or PEER=no: see tests/bench/peer
	@bash tests/bench/run.sh $(if $(filter only,$(PEER)),--only peer)

onnxruntime: ## fetch the pinned ONNX Runtime into the user's cache, by pip, checked by its hash
	@bash models/onnxruntime.sh

livekit: ## fetch LiveKit's library into the user's cache, by pip, checked by its hash; and, where Go is, build its server for the tests
	@sh plugins/livekit/install.sh

lint: ## what CI demands of the text: formatting, clippy without warnings, documentation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

fmt: ## format
	cargo fmt --all

clean: ## remove what was built
	cargo clean
