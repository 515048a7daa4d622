# Everything in a virtual environment of its own; works on a machine with Python 3.11+, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# check-style is apart, so that CI reports it first
.PHONY: demo test check check-style format bench readme clean

demo: $(READY)  ## train LeNet on real digits and watch it
	@$(BIN)/deepeyes demo

test: $(READY)  ## set up and pass all tests
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

check: check-style test  ## the whole loop: style, types, contracts, tests

check-style: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## each prints a table; see docs/benchmarks.md
	$(BIN)/pip install --quiet -c constraints.txt -e '.[bench]'
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

readme: $(READY)  ## draw the picture and the tables of keys and commands again
	$(BIN)/python scripts/make_readme.py

clean:
	rm -rf $(VENV)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": try make PYTHON=python3.12")'
	@echo "setting up $(VENV): a minute or two the first time"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)
