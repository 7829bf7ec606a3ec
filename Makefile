# Two commands do everything on a machine with Python 3.11 and pip:
#   make demo    the main job, on real models
#   make test    every test
PYTHON ?= python3.11
BIN := .venv/bin
# pip compiles with one core. What is no Python of this version (templates) stays as it is.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable
COMPILE := $(BIN)/python -m compileall -q -j 0 .venv/lib src >/dev/null || true

# The tests start hundreds of processes, and none should compile what another has, whatever a
# machine is set to.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test check format lint types rooms cover core others install system clean

demo: .venv/demo
	$(BIN)/python examples/demo/run.py

test: .venv/dev system
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: .venv/dev system lint
	$(MAKE) --jobs=2 types rooms core
	$(MAKE) others

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/dev
	$(BIN)/mypy

rooms: .venv/dev
	$(BIN)/lint-imports

# Every branch of the core by its own tests, and every other test.
cover: core others

core: .venv/dev system
	$(BIN)/coverage erase
	$(BIN)/python -m pytest -n 2 --dist worksteal tests/core --cov --cov-report=
	$(BIN)/coverage report --fail-under=100 --show-missing --skip-covered

others: .venv/dev system
	$(BIN)/python -m pytest -n 2 --dist worksteal --ignore=tests/core

install: .venv/dev

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) '.[demo]'
	$(COMPILE)
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) '.[demo,dev]'
	$(COMPILE)
	@touch $@ .venv/demo

# The power-cut proofs watch system calls with strace.
system:
	@command -v strace >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq strace git; \
	  else \
	    echo "strace is missing: install it with your system's packages (the power-cut proofs need it)"; \
	  fi; }

clean:
	rm -rf .venv .demo .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
