# Everything a developer runs. `make help` prints what each does.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test slow check format bench docs lock clean

help:  ## print this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(READY): pyproject.toml requirements/dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	touch $@

demo: $(READY)  ## set up, then take real retail data from raw table to a served, hot-swapped model
	$(BIN)/python examples/retail/demo.py

test: $(READY)  ## set up, then run the fast tests
	$(BIN)/python -m pytest -m "not slow" -n 2

slow: $(READY)  ## run the slow tests too (sweeps, kill -9, PostgreSQL)
	$(BIN)/python -m pytest -m slow

check: $(READY)  ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)  ## format and mend what a machine can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)  ## measure the headline figures, each against its floor or peer
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/one_row.py

docs: $(READY)  ## write docs/reference anew from the code
	$(BIN)/python docs/generate.py

lock: $(READY)  ## write the exact environment for CI anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --all-extras --group dev pyproject.toml -o requirements/dev.txt

clean:  ## remove what was built
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
