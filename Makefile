# Everything a fresh machine needs besides Python 3.11 or newer: `make demo`, `make test`.
PYTHON ?= python3
VENV := .venv
VENV_LS := .venv-label-studio
BIN := $(VENV)/bin
LABEL_STUDIO_VERSION := 1.23.2
# The versions of Label Studio that the contract is tested with, each in an environment of its own.
LABEL_STUDIO_VERSIONS := 1.21.0 1.22.0 1.23.2
# Task states, strict overlaps and people counted once: off in all of these versions, not for long.
LABEL_STUDIO_FLAGS := fflag_feat_fit_568_finite_state_management \
  fflag_feat_fit_710_fsm_state_fields fflag_feat_all_fit_1304_strict_overlap \
  fflag_fix_fit_1082_overlap_use_distinct_annotators
CACHE := .cache
ARGS ?=
# Several files of tests at a time: threads of one would only wait for those of the others.
ONE_THREAD := OMP_NUM_THREADS=1
BY_ITSELF := "not live and not browser and not postgresql and not slow"
# Of the lines of the package, how many the tests of `make check` run at least, per cent.
COVERED := 90

# A stamp is newer than what it was made from exactly when the installation is up to date.
INSTALLED := $(VENV)/.installed
INSTALLED_TEST := $(VENV)/.installed-test
INSTALLED_LS := $(VENV_LS)/.installed-$(LABEL_STUDIO_VERSION)
# An empty database that has seen all its migrations, which the tests' servers start from.
MIGRATED_LS := $(VENV_LS)/relabel-template
DEMO_HOME := .relabel-demo
# Where it is set, each of some hundred programs that tests start would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo demo-clean check test-quick coverage docs docs-outputs test test-oldest test-long test-tutorial test-soak test-postgresql test-versions test-orders test-wheel test-state test-planted test-flags fuzz gpu lint audit format install clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

demo: $(INSTALLED) $(INSTALLED_LS) ## Label Studio with wrong labels, and the queue that finds them
	$(BIN)/relabel demo --home $(DEMO_HOME) --label-studio-bin $(VENV_LS)/bin $(ARGS)

demo-clean: ## Remove what the demo keeps between runs
	rm -rf $(DEMO_HOME)

check: $(INSTALLED_TEST) ## What every change passes: style, types, and the tests that need no server or browser
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint test-quick

# A quarter of the examples of `make test`, where a property does not say how many it needs.
test-quick: $(INSTALLED_TEST)
	$(ONE_THREAD) $(BIN)/pytest -n 2 -m $(BY_ITSELF) --hypothesis-profile quick $(ARGS)

# Three files at a time on two cores: those with a Label Studio wait for it a third of their time.
test: lint $(MIGRATED_LS) ## Check style and types, then run every test, with a real Label Studio
	$(ONE_THREAD) $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: $(INSTALLED_TEST) ## Refuse when the tests of make check run too few lines of the package
	$(ONE_THREAD) $(BIN)/pytest -n 2 -m $(BY_ITSELF) --cov relabel --cov-report term:skip-covered \
	  --cov-fail-under $(COVERED) $(ARGS)

test-oldest: $(CACHE)/oldest/.installed ## The tests of make check, with the oldest allowed dependencies
	$(ONE_THREAD) $(CACHE)/oldest/bin/pytest -n 2 -m $(BY_ITSELF) $(ARGS)

test-long: $(INSTALLED_TEST) $(INSTALLED_LS) ## The proofs of which `make test` runs a short form
	RELABEL_TEST_LONG=1 $(BIN)/pytest -m long $(ARGS)

test-tutorial: $(INSTALLED_TEST) $(INSTALLED_LS) ## Follow the tutorial to the letter
	RELABEL_TEST_TUTORIAL=1 $(BIN)/pytest tests/browser/test_tutorial.py $(ARGS)

test-soak: $(INSTALLED_TEST) $(INSTALLED_LS) ## A small soak on one machine and on several
	RELABEL_TEST_LONG=1 $(BIN)/pytest tests/live/test_soak.py -m long $(ARGS)

test-postgresql: $(INSTALLED_TEST) ## The tests of store and service, with PostgreSQL instead of SQLite
	RELABEL_TEST_STORE=postgresql $(BIN)/pytest tests/unit/service tests/contract tests/properties/test_events.py $(ARGS)

test-versions: $(INSTALLED_TEST) $(LABEL_STUDIO_VERSIONS:%=$(CACHE)/label-studio-%/.installed) ## The contract with older Label Studios
	@for version in $(LABEL_STUDIO_VERSIONS); do \
	  echo "== Label Studio $$version"; \
	  RELABEL_TEST_LABEL_STUDIO_BIN=$(CURDIR)/$(CACHE)/label-studio-$$version/bin \
	    $(BIN)/pytest tests/live/test_contract.py tests/live/test_versions.py $(ARGS) || exit 1; \
	done

test-orders: $(INSTALLED_TEST) ## Order the same votes live and simulated, by every selector, score and diversity
	RELABEL_TEST_ORDERS=1 $(BIN)/pytest tests/contract/test_order.py $(ARGS)

test-wheel: $(INSTALLED_TEST) ## The wheel, installed outside this checkout
	RELABEL_TEST_WHEEL=1 $(BIN)/pytest tests/wheel $(ARGS)

test-state: $(INSTALLED_TEST) ## Let people, workers and clocks get in each other's way 2,000 times
	RELABEL_STATE_SEQUENCES=2000 $(BIN)/pytest tests/properties/test_state.py $(ARGS)

test-planted: $(INSTALLED_TEST) ## Plant mistakes that these sequences must find
	$(BIN)/python tests/properties/planted.py $(ARGS)

test-flags: $(INSTALLED_TEST) $(INSTALLED_LS) ## The contract with what Label Studio is about to switch on
	RELABEL_TEST_LABEL_STUDIO_FLAGS="$(LABEL_STUDIO_FLAGS)" \
	  $(BIN)/pytest tests/live/test_contract.py tests/live/test_detach.py $(ARGS)

fuzz: $(INSTALLED_TEST) ## Post 10,000 odd requests and read 2,000 damaged files of each kind
	RELABEL_FUZZ_EXAMPLES=10000 $(BIN)/pytest tests/contract/test_webhook.py -k is_a_failure $(ARGS)
	RELABEL_FUZZ_FILES=2000 $(BIN)/pytest tests/properties/test_mutated_files.py $(ARGS)

# Eight minutes at most; without a GPU it says so. ARGS=--tiny shows on the CPU that it runs.
gpu: $(INSTALLED_TEST) ## Measure what a GPU does here beside bare loops of torch
	$(BIN)/python benchmarks/gpu.py $(ARGS)

docs: $(CACHE)/site/.installed ## Build the documentation as a site, in .cache/site/built
	rm -rf $(CACHE)/site/source && mkdir -p $(CACHE)/site/source
	git ls-files '*.md' 'docs/images' LICENSE labelstudio_config | tar -cf - -T - | tar -xf - -C $(CACHE)/site/source
	$(CACHE)/site/bin/mkdocs build --strict --quiet

docs-outputs: $(INSTALLED_TEST) ## Rewrite what the documentation shows of the code: tables, outputs of examples
	$(BIN)/python docs/make_catalogue.py
	$(BIN)/ruff format -q backend/relabel/catalogue/built_in.py
	$(BIN)/python docs/make_tables.py
	$(BIN)/python docs/make_outputs.py

lint: $(INSTALLED_TEST) ## Check style and types only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit -q -c pyproject.toml -r backend

# Needs the network: pip-audit asks a service for the known weaknesses of what is installed.
audit: $(INSTALLED_TEST) $(CACHE)/pip-audit/.installed ## Look for known weaknesses in dependencies
	$(BIN)/pip freeze --exclude-editable > $(CACHE)/installed.txt
	$(CACHE)/pip-audit/bin/pip-audit -s osv --no-deps --disable-pip -r $(CACHE)/installed.txt

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

$(CACHE)/pip-audit/.installed:
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/pip install -qq --disable-pip-version-check pip-audit
	@touch $@

$(CACHE)/site/.installed: pyproject.toml
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/pip install -qq --disable-pip-version-check --upgrade pip  # one that knows groups
	@$(@D)/bin/pip install -qq --disable-pip-version-check --group docs
	@touch $@

$(CACHE)/oldest/.installed: pyproject.toml .ci/oldest.py
	@$(PYTHON) -m venv --clear $(@D)
	@$(PYTHON) .ci/oldest.py > $(@D)/constraints.txt
	@echo 'Installing the oldest allowed dependencies (torch is large) ...'
	@$(@D)/bin/pip install -qq --disable-pip-version-check --constraint $(@D)/constraints.txt --editable ".[test]"
	@touch $@

$(CACHE)/label-studio-%/.installed:
	@$(PYTHON) -m venv --clear $(@D)
	@echo 'Installing Label Studio $* ...'
	@$(@D)/bin/pip install -qq --disable-pip-version-check "label-studio==$*"
	@touch $@

# Its own environment: Label Studio pins versions of packages that we use too.
$(INSTALLED_LS):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11; give another: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV_LS)
	@echo 'Installing Label Studio $(LABEL_STUDIO_VERSION) into $(VENV_LS) ...'
	@$(VENV_LS)/bin/pip install -qq --disable-pip-version-check "label-studio==$(LABEL_STUDIO_VERSION)"
	@touch $@

$(MIGRATED_LS): | $(INSTALLED_LS) $(INSTALLED_TEST)
	@$(BIN)/python -m relabel.demo.servers.label_studio $(VENV_LS)/bin
