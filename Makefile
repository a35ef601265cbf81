# The targets a player needs are `run` and `test`; the others are for people who change Pitwall.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(abspath $(BIN)):$(PATH)
PROTOS = $(shell find protos -name "*.proto" | sort)
STUBS_OUT ?= clients/python
# A worker per core; the tests of a file share what they need.
PARALLEL ?= -n logical --dist loadfile

.PHONY: run test test-all bench lint types proto proto-check format lock clean

run: ARGS ?= --salaries examples/DKSalaries.csv --race-sheet examples/race_sheet.csv --track phoenix --race-id sample
run: $(VENV)/.runtime  ## import the sample slate, build 20 lineups, simulate a contest, write out/
	$(BIN)/pitwall run $(ARGS)

test: lint types proto-check  ## lint, types, contract check, and the tests that fit in ten minutes
	$(BIN)/pytest -q $(PARALLEL) -m "not slow" tests

test-all: lint types proto-check  ## everything, slow suites included
	$(BIN)/pytest -q $(PARALLEL) tests

bench: $(VENV)/.dev  ## ratios against peers and limits measured in the same run
	$(BIN)/python -m tests.benchmark $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/mypy

proto: $(VENV)/.dev  ## regenerate the stubs from protos/
	mkdir -p $(STUBS_OUT)
	$(BIN)/python -m grpc_tools.protoc -Iprotos --python_out=$(STUBS_OUT) --mypy_out=quiet:$(STUBS_OUT) \
		--grpc_python_out=$(STUBS_OUT) --mypy_grpc_out=quiet:$(STUBS_OUT) $(PROTOS)
	find $(STUBS_OUT) -name '*_pb2_grpc.py*' -size -2k -delete
	test $(STUBS_OUT) != clients/python || $(BIN)/python docs/grpc_reference.py

proto-check: $(VENV)/.dev  ## contracts are lint clean and the checked-in stubs are current
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code --path protos/pitwall > /dev/null
	rm -rf build/stubs && $(MAKE) --no-print-directory proto STUBS_OUT=build/stubs
	$(BIN)/python -m tests.contract.stub_drift build/stubs clients/python

format: $(VENV)/.dev
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format . ; $(BIN)/buf format -w --path protos/pitwall

lock: $(VENV)/.dev  ## re-resolve the pinned dependencies
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock

$(VENV)/.runtime: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	touch $@ $(VENV)/.runtime

clean:
	rm -rf $(VENV) build out .pytest_cache .mypy_cache .ruff_cache
