# Two commands matter: `make run` and `make test`. Both set up what they need from a bare python3.

PYTHON ?= python3
JOBS   ?= 2
ARGS   ?=
ONLY   ?=

VENV := .venv
BIN  := $(VENV)/bin
# -qq: errors only. --no-compile: Python compiles what is really used, when it is first used.
PIP  := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile --prefer-binary -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: run test check bench native clean help python chromium compiler

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.core ## set up if needed, then run the desk with its dashboard (ARGS="--seed 3" adds options)
	@exec $(BIN)/desk run --serve $(ARGS)

test: chromium compiler check ## set up if needed, then style, types, layers and the whole test suite (ARGS="-k gate")
	@$(BIN)/pytest -n $(JOBS) --dist worksteal $(ARGS)

check: $(VENV)/.dev ## style, types and layers only
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "Some files are not formatted. Fix: $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/mypy .
	@$(BIN)/lint-imports --no-logo

native: compiler $(VENV)/.dev ## compile the order path (about a minute): the desk uses it until a file changes
	@$(BIN)/python -m app.native_build

bench: compiler $(VENV)/.dev ## measure against peers, into bench/results/latest.json (ONLY=name measures one)
	@$(BIN)/python -m bench.run $(if $(ONLY),--only $(ONLY))

clean: ## remove everything make made (virtual environments, caches); what a desk has stored in .desk/ stays
	@rm -rf $(VENV) .venvs .native build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up, redone only when pyproject.toml or constraints.txt change ---

$(VENV)/.core: pyproject.toml constraints.txt | python
	@echo "Setting up $(VENV) (once, about a minute) ..."
	$(call install,.)
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | python
	@echo "Setting up $(VENV) with the development tools (once, about a minute) ..."
	$(call install,.[dev])
	@touch $(VENV)/.core $@

# The pinned pip is several times faster than the one many Pythons bring along.
define install
@$(BIN)/python -c "" 2>/dev/null || { rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); } || { rm -rf $(VENV); \
	echo "python3 cannot make a virtual environment. Fix: apt-get install -y python3-venv" >&2; exit 1; }
@$(PIP) pip
@$(PIP) setuptools
@$(PIP) --no-build-isolation -e '$(1)'
endef

python:
	@command -v $(PYTHON) >/dev/null || { \
		echo "$(PYTHON) is missing. Fix: install Python 3.11, 3.12 or 3.13, or name one with PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "$(PYTHON) is $$($(PYTHON) -V 2>&1), but the desk needs Python 3.11 to 3.13." \
			"Fix: name another one, for example make run PYTHON=python3.12" >&2; exit 1; }

compiler:
	@command -v cc >/dev/null || { \
		echo "A C compiler is missing; the order path is compiled with it." \
			"Fix: apt-get install -y gcc libc6-dev python3-dev" >&2; exit 1; }

chromium:
	@command -v chromium >/dev/null || { \
		echo "Chromium is missing; the dashboard tests drive it. Fix: apt-get install -y chromium" >&2; exit 1; }
