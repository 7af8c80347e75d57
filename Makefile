# Everything a fresh machine needs besides Python 3.11 or newer: `make demo`, `make test`.
PYTHON ?= python3
VENV := .venv
VENV_LS := .venv-label-studio
BIN := $(VENV)/bin
LABEL_STUDIO_VERSION := 1.23.2
ARGS ?=

# A stamp is newer than what it was made from exactly when the installation is up to date.
INSTALLED := $(VENV)/.installed
INSTALLED_TEST := $(VENV)/.installed-test
INSTALLED_LS := $(VENV_LS)/.installed-$(LABEL_STUDIO_VERSION)
DEMO_HOME := .relabel-demo

.DEFAULT_GOAL := help
.PHONY: help demo demo-clean test lint format install clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

demo: $(INSTALLED) $(INSTALLED_LS) ## Label Studio with wrong labels, and the queue that finds them
	$(BIN)/relabel demo --home $(DEMO_HOME) --label-studio-bin $(VENV_LS)/bin $(ARGS)

demo-clean: ## Remove what the demo keeps between runs
	rm -rf $(DEMO_HOME)

test: lint $(INSTALLED_LS) ## Check style and types, then run every test, with a real Label Studio
	$(BIN)/pytest $(ARGS)

lint: $(INSTALLED_TEST) ## Check style and types only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED_TEST) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install: $(INSTALLED) ## Install the package alone, editable

clean: demo-clean ## Remove the virtual environments as well
	rm -rf $(VENV) $(VENV_LS)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11; give another: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(INSTALLED): pyproject.toml | $(VENV)/bin/python
	@echo 'Installing the package into $(VENV) (torch is large) ...'
	@$(BIN)/pip install -qq --disable-pip-version-check --editable ".[demo]"
	@touch $@

$(INSTALLED_TEST): pyproject.toml | $(VENV)/bin/python
	@echo 'Installing the package and its tests into $(VENV) (torch is large) ...'
	@$(BIN)/pip install -qq --disable-pip-version-check --editable ".[demo,test]"
	@touch $@ $(INSTALLED)

# Its own environment: Label Studio pins versions of packages that we use too.
$(INSTALLED_LS):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11; give another: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV_LS)
	@echo 'Installing Label Studio $(LABEL_STUDIO_VERSION) into $(VENV_LS) ...'
	@$(VENV_LS)/bin/pip install -qq --disable-pip-version-check "label-studio==$(LABEL_STUDIO_VERSION)"
	@touch $@
