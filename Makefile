# make up      get what is missing, start everything, print where it is
# make down    stop everything; data stays (tonypi down --purge removes it)
# make status  what runs
# make test    checks and all tests, on real programs
# make lint    checks alone

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The first that runs and is new enough (a name on PATH may be a shim of a version that is not there).
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
  $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := requirements.lock

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help up down status test test-fast lint checks lock programs

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

# LAN=1: broker, Grafana and glue beyond loopback, until LAN=0; LAN=192.168.1.5: on that address alone.
LAN ?=
LAN_OPTIONS := $(if $(LAN),$(if $(filter 0,$(LAN)),--no-lan,--lan $(if $(filter-out 1,$(LAN)),--address $(LAN))))

# DEMO=1: the documented passwords open too, from this machine alone; until it is stopped.
DEMO ?=
DEMO_OPTION := $(if $(DEMO),$(if $(filter 0,$(DEMO)),--no-demo,--demo))

up: $(STAMP)
	@$(BIN)/tonypi up $(LAN_OPTIONS) $(DEMO_OPTION)

down: $(STAMP)
	@$(BIN)/tonypi down

status: $(STAMP)
	@$(BIN)/tonypi status

programs: $(STAMP)
	@$(BIN)/python -m glue.stack.install --tests

# Most tests wait for real programs, so two at a time take little more than half the time; with more,
# those that hold times fail on two processors. In their own order: what takes longest comes first.
WORKERS ?= 2

test: checks programs
	@rm -f .pytest_cache/v/cache/lastfailed
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder || $(BIN)/python -m tests.again $$?

test-fast: $(STAMP)
	@$(BIN)/pytest tests/unit

lint: checks

checks: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/mypy
	@$(BIN)/tonypi telegraf render --check
	@$(BIN)/tonypi rules render --check
	@$(BIN)/tonypi docs settings --check
	@$(BIN)/tonypi dashboards build --check

# Everything from the lock file, with hashes; done again only when the lock or the package changed.
$(STAMP): $(LOCK) pyproject.toml
	@test -n "$(PYTHON)" || \
	  { echo "Python 3.11 or newer is needed (python3 here: $$(python3 --version 2>&1)); install it, or say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "  … python3-venv from the distribution"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null; \
	  else echo "Python's venv module is missing; install the package python3-venv" >&2; exit 1; fi; }
	@echo "  … Python packages into $(VENV)"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@began=$$SECONDS; \
	  $(BIN)/python -m pip install --quiet --require-hashes -r $(LOCK); \
	  PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .; \
	  echo "  ✓ Python packages ($$((SECONDS - began)) s)"
	@touch $(STAMP)

lock: $(STAMP)
	@$(BIN)/pip-compile --quiet --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links --strip-extras \
	  --allow-unsafe -o $(LOCK) pyproject.toml
