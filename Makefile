# Majlis: everything that a person types is here, and CI types the same.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# One target folder and one profile for the demo and the tests: everything is built once.
TARGET := $(or $(CARGO_TARGET_DIR),target)
PLUGINS := $(TARGET)/debug
MAJLIS := $(TARGET)/debug/majlis

.PHONY: help demo test build bench onnxruntime lint doc fmt clean

help: ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14

demo: ## build, then receive one visitor with stand-in stages (first build: minutes on 2 cores, then seconds)
	@echo "building the host and the plugin of the demo; the first time takes some minutes on 2 cores"
	cargo build -p majlis -p majlis-replay
	@echo "running pipelines/demo.toml: the steps of a real reception, 20 times as fast"
	$(MAJLIS) --plugins $(PLUGINS) run pipelines/demo.toml

build: ## build the workspace
	cargo build --workspace

test: build ## build, fetch what the tests can use, and run them (first time: 8 to 15 minutes on 2 cores)
	@bash tests/prepare.sh
	MAJLIS_PLUGINS=$(abspath $(PLUGINS)) cargo test --workspace --no-fail-fast

bench: ## measure, print a table, write target/bench.json (build first: 5 minutes; then 6); PEER=only or PEER=no: see tests/bench/peer
	@bash tests/bench/run.sh $(if $(filter only,$(PEER)),--only peer)

onnxruntime: ## fetch the pinned ONNX Runtime into the user's cache, by pip, checked by its hash
	@bash models/onnxruntime.sh

lint: ## what CI demands of the text: formatting, clippy without warnings, documentation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

fmt: ## format
	cargo fmt --all

clean: ## remove what was built
	cargo clean
