# keystep. `make serve` and `make test` work on a fresh machine with Python 3.11 or newer.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
LOCK := docker/constraints.txt
PIP = $(BIN)/pip install --quiet --disable-pip-version-check --constraint $(LOCK)

# The compiled package: once made, it is kept as new as its source and stands first on the path of what serves and measures.
COMPILED := .venv/compiled
ifneq ($(wildcard $(COMPILED)/.made),)
serve bench profile soak growth: export PYTHONPATH := $(abspath $(COMPILED))
serve bench profile soak growth: $(COMPILED)/.made
endif

export KEYSTEP_SHARED ?= $(abspath ../shared)
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help serve compiled test lint format ablation bench train-smoke experiments profile soak growth real screenshots ray compose-test audit lock clean
.PHONY: redis-server chromium compiler

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

serve: .venv/.server ## set up and serve on KEYSTEP_PORT (default 8000); no Redis, no model, no GPU
	$(BIN)/keystep serve

compiled: $(COMPILED)/.made ## core and verify as C (minutes, once): less CPU time a rollout for serve and bench; undone by rm -r .venv/compiled

# A file at a time: what a file starts, it starts once.
test: .venv/.dev .venv/.peers redis-server chromium compiler ## set up and run every test (those over real data need KEYSTEP_SHARED)
	$(BIN)/pytest -n 2 --dist loadfile

lint: .venv/.dev ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.dev ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

real: .venv/.dev ## score the real data of KEYSTEP_SHARED through HTTP and print agreement and AUROC
	PYTHONPATH=tests $(BIN)/python tests/real

ablation: .venv/.dev ## what each part of the matcher buys, by taking it out (needs KEYSTEP_SHARED; some minutes)
	PYTHONPATH=tests:tests/real $(BIN)/python tests/ablation $(ARGS)

bench: .venv/.bench ## rollouts per CPU second beside TRL and math-verify, then the service under load; ARGS=--quick is shorter
	$(BIN)/python tests/bench $(ARGS)
	PYTHONPATH=tests $(BIN)/python tests/bench/reward_models.py $(ARGS)
	$(BIN)/python tests/bench/serving.py $(ARGS)

train-smoke: .venv/.dev .venv/.peers ## every command of keystep-train on a tiny model against a live service, stopped and resumed
	$(BIN)/pytest tests/train/test_smoke.py

experiments: .venv/.dev ## what the slides say of training, on a task for a CPU; hours, resumable; ARGS='--seeds 1' is shorter
	PYTHONPATH=tests $(BIN)/python tests/experiments $(ARGS)

profile: .venv/.dev ## where the time of the recipe hardened goes, stage by stage
	$(BIN)/python tests/bench/stages.py $(ARGS)

soak: .venv/.bench ## half an hour of load: memory stays flat; ARGS='--minutes 5' is shorter
	$(BIN)/python tests/bench/soak.py $(ARGS)

growth: .venv/.bench redis-server ## how cost grows with a batch, a rollout, replicas; draws docs/growth.svg
	$(BIN)/python tests/bench/growth.py $(ARGS)

ray: .venv/.dev redis-server ## 50,000 rollouts by Ray Data, killed and resumed, beside the local engine; the service on Ray Serve
	PYTHONPATH=tests $(BIN)/python tests/batch $(ARGS)
	PYTHONPATH=tests $(BIN)/python tests/deploy/ray_serve.py

# COMPOSE: what brings docker/compose.yaml up. Where neither is installed, the containers tool beside the real data, if there is one.
COMPOSE ?= $(shell if docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then echo docker compose; elif command -v podman-compose >/dev/null; then echo podman-compose; \
  elif test -x $(KEYSTEP_SHARED)/tools/containers; then echo $(KEYSTEP_SHARED)/tools/containers compose --podman-build-args=\'--network=host --isolation=chroot --format=docker\'; fi)
compose-test: .venv/.dev ## build the images, bring docker/compose.yaml up, score, train, kill a replica, take it down
	PYTHONPATH=tests $(BIN)/python tests/deploy $(COMPOSE)

screenshots: .venv/.dev chromium ## take the pictures of docs/screenshots of a running service
	PYTHONPATH=tests $(BIN)/python tests/browser docs/screenshots

# In an environment of its own: what it brings is no version of ours. --strict: what could not be looked up is a failure too.
audit: .venv/.made ## known weaknesses of the versions in docker/constraints.txt (needs the advisories of PyPI)
	$(PYTHON) -m venv .venv/audit
	.venv/audit/bin/pip install --quiet --disable-pip-version-check pip-audit
	.venv/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement $(LOCK)

lock: .venv/.bench ## write what is installed now as the versions everybody gets
	$(BIN)/pip freeze --all --exclude pip --exclude keystep | sed -E 's/^(torch==[0-9.]+).*/\1/' | grep -vE '^(-e|nvidia-|cuda-|triton)' > $(LOCK)

clean: ## remove the environment and every cache
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/.made:
	@test -n "$(PYTHON)" || { echo 'keystep needs Python 3.11 or newer: install it, or say make PYTHON=/path/to/it'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo 'this Python cannot make virtual environments: install its venv package (Debian: apt-get install python3-venv)'; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.server: .venv/.made pyproject.toml $(LOCK)
	$(PIP) --editable '.[server]'
	@touch $@

# torch first and by itself: asked for through another package, it may come with gigabytes of CUDA.
.venv/.torch: .venv/.made $(LOCK)
	$(PIP) torch
	@touch $@

.venv/.dev: .venv/.torch pyproject.toml $(LOCK)
	$(PIP) --editable '.[server,embed,train,dev]'
	@touch $@

# Trainers whose own client code the tests run. Of their dependencies only what that code imports; in a folder of their own,
# as nothing else here is to see them. OpenRLHF is pure Python, but its wheel claims to be for one version on Linux.
.venv/.peers: .venv/.dev tests/adapters/peers.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target .venv/peers --requirement tests/adapters/peers.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target .venv/peers --only-binary :all: \
	  --platform manylinux1_x86_64 --python-version 3.11 openrlhf==0.11.2
	@touch $@

.venv/.bench: .venv/.dev
	$(PIP) --editable '.[server,embed,train,dev,bench]'
	@touch $@

$(COMPILED)/.made: .venv/.dev docker/compile.py $(shell find service/keystep -name '*.py') | compiler
	$(BIN)/python docker/compile.py $(COMPILED)
	@touch $@

compiler:
	@command -v cc >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq gcc libc6-dev >/dev/null; } \
	  || { echo 'mypyc needs a C compiler: install one (Debian: apt-get install gcc libc6-dev; macOS: xcode-select --install) and run make again'; exit 1; }

# Tests look at the pages with a real browser.
chromium:
	@test -n "$$KEYSTEP_CHROMIUM" || command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } \
	  || { echo 'the tests need Chromium: install it (Debian: apt-get install chromium), or let KEYSTEP_CHROMIUM name it, and run make again'; exit 1; }

# Tests run against a real Redis.
redis-server:
	@command -v redis-server >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq redis-server >/dev/null; } \
	  || { echo 'the tests need redis-server: install it (Debian: apt-get install redis-server; macOS: brew install redis) and run make test again'; exit 1; }
