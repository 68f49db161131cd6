# Everything here needs only make and Python 3.11 or newer; `make interop` needs Go as well.
# The first target that is made installs what requirements.lock names into .venv.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Tests that have a target of their own.
APART := interop or servers or damage
SEEDS ?= 300
# Without bytecode, which the first import writes, each of the many processes here takes ten seconds to start.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test damage fuzz servers outage lint bench calibrate interop pythons lowest newest format lock clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST)

demo: $(READY) ## a real model on real flights: drift and errors found, with a picture
	$(BIN)/python examples/flights/demo.py

test: $(READY) ## all tests but those that need a real peer or take long
	$(BIN)/pytest -m "not ($(APART))" -n logical --maxprocesses 8 --dist worksteal

damage: $(READY) ## 80 flipped bits and 20 cuts in a real state: nothing is lost without a word
	$(BIN)/pytest -m damage -n logical --maxprocesses 8 tests/processor/test_damage.py

servers: $(READY) ## stop the servers that people run: uvicorn, gunicorn, hypercorn, granian, Flask, Celery
	$(BIN)/pytest -m servers -n logical --maxprocesses 8 tests/servers

fuzz: $(READY) ## a stranger's mutated requests beside honest models; SEEDS=2000 for more
	$(BIN)/python -m tests.fuzz --seeds $(SEEDS)

lint: $(READY) ## style, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy --platform darwin
	$(BIN)/mypy --platform win32

format: $(READY) ## put the code into the house's format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(READY) ## measure, and print ratios
	@for bench in tests/bench/bench_*.py; do echo "== $$bench"; PYTHONPATH=. $(BIN)/python $$bench || exit; done

calibrate: $(READY) ## false alarms and delays, simulated; half an hour; writes the tables into the README
	$(BIN)/python -m tests.calibration --write

interop: $(READY) ## tests against a real OpenTelemetry Collector and Prometheus, built on the first run
	@tests/interop/peers/build
	$(BIN)/pytest -m interop tests/interop

outage: $(READY) ## take the processor away for minutes and count every row; DOWN=25s for a short one
	$(BIN)/python -m tests.outage $(or $(DOWN),200s 240s 30m)

pythons: ## the SDK's tests on each Python that pyproject.toml names and that is found
	@PYTHON=$(PYTHON) tests/versions pythons

lowest: ## the SDK's tests with the lowest dependencies that pyproject.toml allows
	@PYTHON=$(PYTHON) tests/versions lowest

newest: ## the SDK's and the processor's tests with the newest dependencies, on the newest Python found
	@PYTHON=$(PYTHON) tests/versions newest

lock: ## write requirements.lock anew from pyproject.toml
	$(PYTHON) -m venv .cache/uv
	.cache/uv/bin/pip install --quiet uv
	.cache/uv/bin/uv pip compile --quiet --system-certs --upgrade --universal --fork-strategy fewest --all-extras \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --output-file requirements.lock pyproject.toml

clean: ## remove what was made; the cache of built peers stays
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage dist tidegauge-data examples/*/output
	find sdk collector_processor tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "make needs Python 3.11 or newer: install it, or name it with PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
