# Commands for contributors. `make run` and `make test` need only Python 3.11+, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests wait about as long as they compute, so each core has two workers.
export WORKERS ?= $(shell expr 2 \* $$(nproc))
PIN := $(BIN)/uv pip compile --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet

# Hundreds of processes start in the tests: each would compile all modules again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help run quick test full format lint types contracts tests stores bench floors demo lock vendor wheel sbom versions clean

help:  ## the targets for contributors
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 10

run: $(VENV)/.runtime  ## plan, apply and plan manifests/ on the local target
	$(BIN)/reconciler plan manifests --target local
	$(BIN)/reconciler apply manifests --target local --auto-approve
	$(BIN)/reconciler plan manifests --target local

quick: format lint types contracts  ## all static checks, and a few cases of the tests that start no process and use no server
	RECONCILER_FEW_CASES=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not slow and not process and not client and not browser"

test: format lint types contracts tests  ## all checks, as CI runs them

full: format lint types contracts versions  ## make test with every case, fault and round
	RECONCILER_FULL=1 $(BIN)/python -m tests

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

stores: $(VENV)/.dev  ## tests of the endpoint's stores on each PostgreSQL of Debian
	for programs in $(wildcard /usr/lib/postgresql/*/bin); do \
		RECONCILER_POSTGRESQL=$$programs $(BIN)/python -m pytest -q tests/endpoint/state tests/endpoint/test_postgresql.py || exit 1; \
	done

bench: $(VENV)/.dev  ## benchmarks, with the machine and the compared tools
	PYTHONPATH=tests $(BIN)/python -m bench

floors: $(VENV)/.dev  ## what real Envoys must do, and what this machine saw; root on Linux sees all
	PYTHONPATH=tests:tools:. $(BIN)/python -m envoy.floors

demo: $(VENV)/.xds  ## edit a weight and see the traffic of a real Envoy follow
	@PYTHONPATH=tools $(BIN)/python -m demo $(if $(ENVOY),--envoy "$(ENVOY)") $(if $(PORT),--port "$(PORT)")

lock: $(VENV)/.dev  ## pin the newest allowed versions, with hashes
	$(PIN) --upgrade pyproject.toml --output-file requirements.lock
	$(PIN) --upgrade --extra dev --extra postgresql --extra xds --constraint requirements.lock pyproject.toml --output-file tests/requirements.lock
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' | $(PIN) --upgrade --constraint tests/requirements.lock - --output-file deploy/build.lock
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["postgresql"], sep="\n")' | $(PIN) --upgrade --constraint tests/requirements.lock - --output-file deploy/postgresql.lock
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["xds"], sep="\n")' | $(PIN) --upgrade --constraint tests/requirements.lock - --output-file deploy/xds.lock
	for client in boto3-2021 cloud-custodian; do $(PIN) --upgrade tests/endpoint/clients/$$client.in --output-file tests/endpoint/clients/$$client.lock || exit; done

vendor: $(VENV)/.dev  ## verify the checked-in files of other projects against npm
	$(BIN)/python tools/vendor.py

wheel: $(VENV)/.dev  ## dist/: the reproducible wheel, and requirements.txt with all hashes
	$(BIN)/python tools/build_release.py dist

sbom: $(VENV)/.dev  ## dist/sbom.json: the packages of an installation, as CycloneDX
	$(BIN)/python tools/build_release.py sbom

versions: $(VENV)/.dev  ## core, contract and journey tests on every supported Python of this machine
	$(BIN)/python tools/run_versions.py $(VERSIONS)

clean:
	rm -rf $(VENV) .coverage* .mypy_cache .pytest_cache .ruff_cache build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "mesh-reconciler needs Python 3.11 or newer: run make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(BIN)/python requirements.lock deploy/build.lock pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement deploy/build.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.runtime tests/requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement tests/requirements.lock
	touch $@

$(VENV)/.xds: $(VENV)/.runtime deploy/xds.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement deploy/xds.lock
	touch $@
