# Each target makes the environment that it needs; only Python 3.11 or newer and make have to be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# The tests start ajsync some hundreds of times, and without its bytecode each start would compile it anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help:
	@echo "make demo      watch ajsync work, against a server of its own"
	@echo "make test      run every test against real servers"
	@echo "make lint      check style, types, imports, spelling and docstrings"
	@echo "make coverage  run every test, and say how much of each room that runs"
	@echo "make mutants   change the pure modules, and see which changes no test notices"
	@echo "make soak      break leaders, servers and applies, and read beside writers, for forty-five minutes"
	@echo "make bench     measure against the floors"
	@echo "make docs      write the reference pages from the schemas and the commands' help, and make the pictures"
	@echo "make site      build the pages of docs/ as a web site into site/"
	@echo "make dist      build wheel and source archive into dist/, check them, and run the quick start from them"
	@echo "make lock      write down which versions a development environment, the image and the action get"

# The lock files name everything with its hash, so that each checkout gets the same, and so does each image.
LOCK := .ci/requirements-dev.txt
LOCK_OF_BUILDS := .ci/requirements-build.txt
LOCK_OF_USERS := .ci/requirements.txt
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# What builds comes first, because without isolation pip fetches nothing that no lock file names.
$(VENV)/.installed: pyproject.toml $(LOCK) $(LOCK_OF_BUILDS)
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes --requirement $(LOCK_OF_BUILDS)
	$(PIP) --no-build-isolation --require-hashes --requirement $(LOCK)
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

.PHONY: demo
demo: $(VENV)/.installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" examples/quickstart/demo.sh

.PHONY: lint
lint: $(VENV)/.installed
	$(BIN)/ruff format --check ajsync tests docs action .ci
	$(BIN)/ruff check ajsync tests docs action .ci
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/codespell
	$(BIN)/interrogate --quiet ajsync

.PHONY: test
test: $(VENV)/.installed
# Collecting once first writes the bytecode of the tests, which each process would make for itself at the same time.
	@ls tests/__pycache__/conftest.*-pytest-*.pyc >/dev/null 2>&1 \
		|| $(BIN)/python -m pytest --collect-only -qq >/dev/null || true
	$(BIN)/python -m pytest -n 6 --dist worksteal

# Each process writes a file of its own; they are put together at the end. What is measured runs slower, so a test may take
# longer before it counts as one that hangs: ending it would lose what its worker has measured.
.PHONY: coverage
coverage: $(VENV)/.installed
	rm -rf .coverage
	$(BIN)/coverage run -m pytest -n 6 --dist worksteal -o faulthandler_timeout=900
	$(BIN)/coverage combine --quiet
	$(BIN)/python -m tests.covered

# Takes one module too: make mutants MODULE=ajsync/schedule/duration.py
.PHONY: mutants
mutants: $(VENV)/.installed
	$(BIN)/python -m tests.mutants $(MODULE)

.PHONY: soak
# The soaks themselves use nats-py as it is, which leaves the socket of a lost connection to the collector now and then.
soak: $(VENV)/.installed
	$(BIN)/python -m pytest -s -o 'python_files=soak_*.py' -o faulthandler_timeout=1800 -W ignore::ResourceWarning tests/soak

.PHONY: bench
bench: $(VENV)/.installed
	$(BIN)/python -m tests.bench

.PHONY: docs
docs: $(VENV)/.installed
	$(BIN)/python docs/generate.py
	$(BIN)/python -m docs.draw.pictures

# The variable silences a notice about the next MkDocs. With --quiet MkDocs would not count warnings, so a broken link would pass.
.PHONY: site
site: $(VENV)/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

# The times in the archives are that of the commit, or one that never changes where there is no git.
dist: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1577836800)
.PHONY: dist
dist: $(VENV)/.installed
	rm -rf dist
	$(BIN)/hatchling build --directory dist
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	$(BIN)/python .ci/check_dist.py dist
	$(PYTHON) .ci/quick_start.py dist/*.whl

# Only versions that no longer fit pyproject.toml change. To take the newest of everything, delete the files first. The
# development environment has everything that the other two name, so theirs are its versions.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --custom-compile-command 'make lock'
.PHONY: lock
lock: $(VENV)/.installed
	$(COMPILE) --extra dev --group build --output-file $(LOCK) pyproject.toml
	$(COMPILE) --extra ics --extra monitor --constraint $(LOCK) --output-file $(LOCK_OF_USERS) pyproject.toml
	$(COMPILE) --group build --constraint $(LOCK) --output-file $(LOCK_OF_BUILDS)
