# Merchant Backoffice. `make` or `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.SUFFIXES:

VENV := .venv
PY := $(VENV)/bin/python
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name) 2>/dev/null)))
PORT ?= 8000
ARGS ?=
SIZE ?= 100000
SEEDS ?= 1000
JOBS ?= $(shell nproc)
MINUTES ?= 10
TARGET ?= $(FUZZED)

FUZZED := alipay_messages wechatpay_messages unionpay_messages foreign_certificates pasted_keys \
	alipay_statement wechatpay_statement unionpay_statement csv_orders xlsx_orders
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
MYSQL := $(VENV)/.mysql
PDF := $(VENV)/.pdf
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes

# The MySQL driver is installed where DATABASE_URL asks for it.
DRIVER := $(if $(filter mysql%,$(DATABASE_URL)),$(MYSQL))

.PHONY: help demo run test simulate check bench fuzz lock messages format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  PORT=8001             another port for demo and run"
	@echo "  DATABASE_URL=…        another database for test, demo and run: see .env.example"
	@echo "  ARGS='-k refund -x'   handed to pytest, to the demo, or to the benchmarks"
	@echo "  SIZE=1000000          how many orders the benchmarks take"
	@echo "  SEEDS=100             how many stories are simulated; tests/simulation/README.md says more"
	@echo "  MINUTES=1 TARGET=…    how long, and which of the parsers (tests/fuzz/targets.py) are fuzzed"

demo: $(RUNTIME) $(DRIVER) ## start a shop to try out: nothing else is needed
	@PORT=$(PORT) exec $(PY) manage.py demo $(ARGS)

run: $(RUNTIME) $(DRIVER) ## start web and worker on your own settings (.env)
	@PORT=$(PORT) exec bash scripts/run

test: $(DEV) $(DRIVER) ## run the tests, on SQLite or on DATABASE_URL
	@$(PY) -m pytest $(ARGS)

simulate: $(DEV) ## let orders, gateways, faults and crashes happen; each seed is another story
	@$(PY) -m tests.simulation --seeds $(SEEDS) --jobs $(JOBS) $(ARGS)

check: $(DEV) ## style, types, imports, migrations, deployment settings, templates
	@bash scripts/check

bench: $(DEV) ## measure on PostgreSQL; benchmarks/README.md says what
	@$(PY) -m benchmarks --size $(SIZE) $(ARGS)

fuzz: $(DEV) ## feed the parsers bytes that coverage breeds, ten minutes each
	@for target in $(TARGET); do echo "== $$target"; \
		$(PY) -m tests.fuzz $$target --seconds $$(( $(MINUTES) * 60 )) || exit 1; done

lock: $(DEV) ## pin what pyproject.toml asks for, with hashes
	@bash scripts/lock

messages: $(DEV) ## collect the texts to translate, and compile the translations
	@$(PY) scripts/messages.py

format: $(DEV) ## put the code in the one format
	@$(VENV)/bin/ruff check --fix --quiet . ; $(VENV)/bin/ruff format --quiet .
	@$(VENV)/bin/djade --target-version 5.2 $$(git ls-files 'templates/*.html') || true

clean: ## remove what make has made, but not the demo's data (var/)
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache staticfiles

# ------------------------------------------------------------------------- installed once for each lock

$(PY):
	@test -n "$(PYTHON)" -a -n "$$(command -v $(PYTHON))" || { echo "Python 3.11 or newer is missing ($(PYTHON)). On Debian: apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is $$($(PYTHON) -V), and 3.11 or newer is needed. Write make PYTHON=/path/to/python3.11 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv is missing. On Debian: apt install python3-venv"; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) -V)"
	@$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements.lock | $(PY)
	@echo "installing requirements.lock (once)"
	@$(INSTALL) -r $<
	@touch $@

$(DEV): requirements-dev.lock | $(PY)
	@echo "installing requirements-dev.lock (once)"
	@$(INSTALL) -r $<
	@touch $@ $(RUNTIME)

$(MYSQL): requirements-mysql.lock | $(PY)
	@bash scripts/mysql-needs
	@echo "installing requirements-mysql.lock (once)"
	@$(INSTALL) -r $<
	@touch $@

$(PDF): requirements-pdf.lock | $(PY)
	@echo "installing requirements-pdf.lock (once)"
	@$(INSTALL) -r $<
	@touch $@
