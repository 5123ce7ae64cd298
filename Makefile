# The index of tasks: `make help` lists them. `make demo` and `make test` install what they need.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo lab test test-fast lint bench lock clean

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Written when the environment stands; every task that runs something shares it.
STAMP  := $(VENV)/.stamp
# Written when what the lock names is installed; the package itself, with its front end, comes after.
LOCKED := $(VENV)/.locked
FRONT  := $(shell find extension/src extension/style extension/schema -type f) \
          $(wildcard extension/*.json extension/yarn.lock)
NPM    := extension/node_modules/.yarn-state.yml
# pip takes torch (an index or a find-links folder may offer a CPU build), uv takes the rest.
UV     := uv==0.13.9

help:  ## list the tasks
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "make %-10s %s\n", $$1, $$2}'

demo: $(STAMP)  ## a real shop from its order lines to recommendations in SQL
	@$(BIN)/kgfeatures demo

lab: $(STAMP)  ## JupyterLab on a data scientist's first hour
	@$(BIN)/kgfeatures lab

test: $(STAMP) $(NPM)  ## every test, the slow ones too
	@$(BIN)/python -m pytest

test-fast: $(STAMP) $(NPM)  ## the tests without those marked slow or browser
	@$(BIN)/python -m pytest -m "not slow and not browser"

lint: $(STAMP) $(NPM)  ## formatting, style, types, layers, SQL
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/pyright
	@$(BIN)/sqlfluff lint --disable-progress-bar sql
	@$(BIN)/python hatch_build.py lint

bench: $(STAMP)  ## every benchmark, on what ships or is generated; each prints one JSON object as its last line
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python "$$file"; done

clean:  ## remove the environment, caches and builds; the data in its home folder stays
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	rm -rf kgfeatures/labextension extension/lib extension/build extension/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# node and jlpm are among what the lock names; hatch_build.py builds what has changed since.
$(STAMP): $(LOCKED) pyproject.toml hatch_build.py $(FRONT)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check --disable-pip-version-check
	@touch $@

$(NPM): extension/yarn.lock | $(STAMP)
	$(BIN)/python hatch_build.py install --immutable
	@touch $@

$(LOCKED): requirements.lock requirements-torch.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "kgfeatures needs Python 3.11 or newer, and '$(PYTHON)' is not: name another one, as in: make PYTHON=python3.12 demo" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { \
	  echo "'$(PYTHON) -m venv' failed: on Debian and Ubuntu it comes with: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-torch.txt $(UV)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -r requirements.lock
	@touch $@

# uv does not read PIP_FIND_LINKS. torch stays out (requirements-torch.txt says why), and so does
# every line that would name a folder or an index of this machine.
lock: $(STAMP)  ## resolve requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --upgrade --python-version 3.11 \
	  --constraint requirements-torch.txt $${PIP_FIND_LINKS:+--find-links "$$PIP_FIND_LINKS"} \
	  --no-annotate --no-header --no-emit-index-url --no-emit-find-links --quiet --output-file - \
	  | grep -vE '^ *(#|-|$$)|^torch==' > requirements.lock.new
	mv requirements.lock.new requirements.lock
