# Everything a contributor types. `make run` and `make test` need Python 3.11+, pip and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two workers suit the smallest machine we test on.
WORKERS ?= 2

.PHONY: run test format lint types contracts tests soak bench lock clean

run: $(VENV)/.runtime  ## plan, apply and plan again of manifests/ on the local target
	$(BIN)/reconciler plan manifests --target local
	$(BIN)/reconciler apply manifests --target local --auto-approve
	$(BIN)/reconciler plan manifests --target local

test: format lint types contracts tests  ## the whole check, as CI runs it

format: $(VENV)/.dev
	$(BIN)/ruff format --check .

lint: $(VENV)/.dev
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

tests: $(VENV)/.dev
	$(BIN)/python -m tests

soak: $(VENV)/.dev  ## the long form of what takes long: simulation, kills, durability
	RECONCILER_SOAK=1 RECONCILER_LONG_TESTS=1 $(BIN)/python -m pytest -n $(WORKERS) --timeout 14400 tests/simulation tests/kills tests/source tests/endpoint tests/journeys

bench: $(VENV)/.dev  ## figures, with the machine and the peers named
	PYTHONPATH=tests $(BIN)/python -m tests.bench

lock: $(VENV)/.dev  ## pin the newest allowed versions, with hashes
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet --upgrade pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --universal --no-strip-extras --python-version 3.11 --extra dev --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet --upgrade --constraint requirements.lock pyproject.toml --output-file tests/requirements.lock

clean:
	rm -rf $(VENV) .coverage* .mypy_cache .pytest_cache .ruff_cache build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "mesh-reconciler needs Python 3.11 or newer; say which with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(BIN)/python requirements.lock pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.runtime tests/requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement tests/requirements.lock
	touch $@
