# Every target is one line with its explanation; CI calls the same targets.
SHELL := /bin/bash
RUN := .tools/bin/uv run --no-sync --quiet
export UV_PYTHON_DOWNLOADS := never
KEEP ?=
SCENE ?=
SEEDS ?= 5
DAYS ?= 1
JOBS ?= 2
FIRST_SEED ?= 0
SEED ?= 1
KILLS ?= 5
BROKER ?= nats

.DEFAULT_GOAL := help
.PHONY: setup demo test test-quick test-full check bench sim nemesis fairness help debian

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup:  ## install the locked Python packages into .venv (and uv into .tools)
	@scripts/setup

debian:  # the Debian packages that only tests need (no explanation line: part of test)
	@scripts/debian-packages mosquitto chromium

demo: setup  ## take one parcel from reservation to collection; KEEP=1 stays up; SCENE=busy: a busy visit
	@$(RUN) python -m tests.system.demo $(if $(KEEP),--keep,) $(if $(SCENE),--scene $(SCENE),)

test: setup debian  ## what CI runs: everything but the full numbers, under 30 minutes
	@scripts/test standard

test-quick: setup  ## the tests that need no Debian package, under 2 minutes
	@scripts/test quick

test-full: setup debian  ## the full numbers; writes docs/evidence/<date>.json
	@scripts/test full

check: setup  ## format, lint, types and the arrows between packages, under 30 seconds
	@$(RUN) ruff format --check --quiet . && $(RUN) ruff check --quiet . && $(RUN) mypy && $(RUN) lint-imports --no-logo

bench: setup  ## measure the budgets; a table, and JSON lines in build/bench.jsonl
	@$(RUN) python -m tests.bench

sim: setup  ## SEEDS whole systems of 2 to 4 lockers, DAYS days each, in virtual time with faults; JOBS=2
	@$(RUN) python -m tests.simulation --seeds $(SEEDS) --days $(DAYS) --first-seed $(FIRST_SEED) \
		--jobs $(JOBS)

nemesis: setup debian  ## kill and cut real processes while people work; SEED=1 KILLS=5 BROKER=nats
	@$(RUN) python -m tests.nemesis --seed $(SEED) --kills $(KILLS) --broker $(BROKER)

fairness: setup  ## replay a year of lockers under four ways of sharing them; table and picture; SEED=1
	@$(RUN) python -m tests.fairness --seed $(SEED)
