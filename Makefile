# make run · make test · make check – everything else is listed by `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VENDOR := pages/static/vendor
RUN_READY := $(VENV)/.run-ready
DEV_READY := $(VENV)/.dev-ready
ASSETS_READY := $(VENDOR)/.ready
CODE := bot handlers actions rules policies models scheduler simulator pages tests bench
PROCESSES ?= 2
PYTEST := $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help run setup test check fmt lint types rooms coverage bench chaos clean lock

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

run: $(RUN_READY) $(ASSETS_READY) ## everything on this machine: open the address that it prints
	$(BIN)/tianxin demo $(ARGS)

setup: $(DEV_READY) $(ASSETS_READY) ## virtual environment with the tools of development

$(RUN_READY): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(DEV_READY): requirements-dev.lock $(RUN_READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# weui, htmx and echarts come from npm, which comes with a Python wheel: no Node need be there
$(ASSETS_READY): package.json package-lock.json $(RUN_READY)
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/npm ci --silent --no-audit --no-fund --ignore-scripts
	@mkdir -p $(VENDOR)
	cp node_modules/weui/dist/style/weui.min.css node_modules/htmx.org/dist/htmx.min.js node_modules/echarts/dist/echarts.min.js $(VENDOR)/
	@touch $@

test: setup ## the whole suite; what was left out, and why, stands at the end
	$(PYTEST) $(ARGS)

check: setup lint rooms types coverage ## format, lint, types, import rules, tests, coverage gates: what CI runs

lint:
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)

rooms:
	$(BIN)/lint-imports

types:
	$(BIN)/mypy

coverage:
	$(PYTEST) --cov --cov-report=term-missing:skip-covered $(ARGS)
	$(BIN)/python -m tests.coverage_gates

fmt: setup ## put the code into its layout
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

bench: setup ## side-by-side speed figures
	$(BIN)/python -m bench

chaos: setup ## faults on real processes, with a table of what they did: make chaos SEED=7 [ARGS="--only K1,W1"]
	$(BIN)/python -m tests.chaos --seed $(or $(SEED),1) $(ARGS)

lock: ## bring the lock files up to date with pyproject.toml (needs uv)
	uv pip compile -q --generate-hashes --no-emit-index-url --universal --python-version 3.11 --no-header pyproject.toml -o requirements.lock
	uv pip compile -q --generate-hashes --no-emit-index-url --universal --python-version 3.11 --no-header --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## forget the virtual environment and the assets (var/ with the data stays)
	rm -rf $(VENV) node_modules $(VENDOR)
