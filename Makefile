# `make` prints the verbs. Everything is installed into .venv; a second call installs nothing again.

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name))))
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
JOBS ?= 2
PYTEST = $(BIN)/pytest -q -n $(JOBS) --dist loadgroup --durations=5
CASES ?= ../shared/cases
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules
.NOTPARALLEL:

# One thread per test worker and per training process: the networks are small.
export OMP_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MPLBACKEND ?= Agg

##@ Use
.PHONY: setup
setup: $(VENV)/.installed ## make .venv with the locked requirements and the package, editable
	@:

.PHONY: reacher
reacher: setup ## train BPO on the goal Reacher, evaluate it, draw its curve and video
	$(BIN)/bnpo with bpo goal_reacher seed=0

.PHONY: board
board: setup ## show runs/ in a browser at http://127.0.0.1:8000 (RUNS=studies PORT=8001)
	$(BIN)/bnpo board $(or $(RUNS),runs) --port $(or $(PORT),8000)

##@ Check
.PHONY: test
test: ## set up, then lint, types and all fast tests, each part with its time and budget
	@$(call timed,install,setup,150)
	@$(call timed,lint and types,lint types,60)
	@$(call timed,unit and learning tests,unit,300)
	@$(call timed,faults,faults,60)
	@$(call timed,notebooks and pages,pages,210)

.PHONY: lint
lint: setup ## style and formatting (ruff)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

.PHONY: types
types: setup ## strict types of all four folders, tests and benchmarks (mypy)
	$(BIN)/mypy

.PHONY: unit
unit: setup ## the fast tests of code and learning, on JOBS=2 processes
	$(PYTEST) --ignore tests/faults --ignore tests/docs

.PHONY: faults
faults: setup ## the fast tests of kills, full disks, damaged files and odd input
	$(PYTEST) tests/faults

.PHONY: pages
pages: setup ## the notebooks, shortened, and the programs, names and tables of README and site
	$(PYTEST) tests/docs

.PHONY: docs
docs: setup ## build the site into build/docs; fails on a warning or an undocumented public name
	$(BIN)/python docs/reference.py
	$(BIN)/python -m sphinx -q -W --keep-going -j auto -d build/doctrees docs build/docs
	@echo "build/docs/index.html"

.PHONY: docs-pictures
docs-pictures: setup ## the film of twenty arms in the README, and the board's picture
	$(BIN)/python docs/arms.py
	$(BIN)/python docs/board.py

.PHONY: test-slow
test-slow: setup ## the tests marked slow
	$(BIN)/pytest -q -n $(JOBS) --dist loadgroup -m slow --durations=0

.PHONY: test-pythons
test-pythons: ## the fast tests on other Pythons, in environments of their own (PYTHONS="3.12 3.13")
	@for version in $(or $(PYTHONS),3.12 3.13); do \
	  $(MAKE) unit PYTHON=python$$version VENV=build/python-$$version; done

.PHONY: test-faults
test-faults: setup ## kills, full disks, damaged files, fuzzed input: the full form, 15 minutes
	$(BIN)/pytest -q -n $(JOBS) -m "faults or not slow" tests/faults --durations=5

.PHONY: test-cases
test-cases: setup ## scripts of one fault each (CASES=../shared/cases, where it is), two at a time
	@test -d "$(CASES)" || { echo "there is no folder $(CASES)"; exit 1; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/cases.py "$(CASES)"

.PHONY: test-wheel
test-wheel: setup ## build the wheel, install it elsewhere and import it there
	$(BIN)/pytest -q tests/packaging/test_wheel.py

##@ Measure
.PHONY: bench
bench: bench-reacher bench-envs bench-speed bench-table ## all benchmarks, then the table

.PHONY: bench-table
bench-table: setup ## docs/results.md and the README's rows, from what the benchmarks left
	$(BIN)/python benchmarks/table.py

.PHONY: bench-speed
bench-speed: bench-replay ## replay, learning step, several brains, overlap: 15 minutes, quiet machine
	$(BIN)/python benchmarks/learning_step.py
	$(BIN)/python benchmarks/hybrid_price.py
	$(BIN)/python benchmarks/overlap.py

.PHONY: bench-functions
bench-functions: setup ## own files and functions that one vector step with a turn runs
	$(BIN)/python benchmarks/step_functions.py

.PHONY: bench-reacher
bench-reacher: $(VENV)/.bench ## learning on the goal Reacher, against its peers
	$(BIN)/python benchmarks/learning.py goal_reacher

.PHONY: bench-envs
bench-envs: $(VENV)/.bench ## environments, steps per second
	$(BIN)/python benchmarks/envs.py

.PHONY: bench-rules
bench-rules: setup ## every learning rule on the goal Reacher, at equal steps
	$(BIN)/python benchmarks/rules.py

.PHONY: bench-health
bench-health: setup ## which presets warn of their own health on the tasks that they are meant for
	$(BIN)/python benchmarks/health.py

.PHONY: bench-study
bench-study: setup ## a study on all cores against the same runs one by one; needs a quiet machine
	$(BIN)/python benchmarks/study.py --check

.PHONY: bench-newcomer
bench-newcomer: ## from a clone to a video and an own scheme, from a wheel to the board, timed
	"$(PYTHON)" benchmarks/newcomer.py --check

.PHONY: bench-first-hour
bench-first-hour: setup ## help, a list of 1,000 runs, the prompt after a run's last step
	$(BIN)/python benchmarks/first_hour.py

.PHONY: bench-replay
bench-replay: $(VENV)/.bench ## replay, transitions per second
	$(BIN)/python benchmarks/replay.py

.PHONY: soak
soak: setup ## an hour of training: is memory flat, are files closed, is it as fast at the end
	$(BIN)/python benchmarks/soak.py

.PHONY: pretrained
pretrained: setup ## train the policies that the package brings (NAMES="fetch_reach" for some)
	$(BIN)/python benchmarks/pretrained.py $(NAMES)

##@ Develop
.PHONY: format
format: setup ## format the code and apply safe fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: notebooks
notebooks: setup ## execute the notebooks anew, an hour; NAMES="BPO DDPG" for some
	$(BIN)/python -m tests.docs.execute $(NAMES)

.PHONY: dist
dist: setup ## build wheel and source distribution into dist/, and check what an index would
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist
	$(BIN)/python -m twine check --strict dist/*

.PHONY: golden
golden: setup ## write the golden numbers anew, after a change that is meant to move them
	$(BIN)/python -m tests.golden.numbers

.PHONY: lock
lock: ## resolve setup.cfg anew into the lock files (TORCH=x.y.z changes torch, KEEP=1 only adds)
	PYTHON="$(PYTHON)" TORCH="$(TORCH)" KEEP="$(KEEP)" .ci/lock

.PHONY: clean
clean: ## remove .venv, builds and caches; runs/ stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## print this
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- how verbs are made true ---

$(VENV)/.made:
	@"$(PYTHON)" -c 'import sys; v = sys.version_info; sys.exit(f"BNPO needs Python 3.11 to 3.13, $(PYTHON) is {v.major}.{v.minor}: make PYTHON=...") if not (3, 11) <= v < (3, 14) else None'
	"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

$(VENV)/.locked: requirements.lock $(VENV)/.made
	$(PIP) install -qq --requirement requirements.lock
	@touch $@

$(VENV)/.installed: setup.cfg pyproject.toml $(VENV)/.locked
	$(PIP) install -qq --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.bench: requirements-bench.lock $(VENV)/.installed
	$(PIP) install -qq --requirement requirements-bench.lock
	@touch $@

# $(call timed,title,targets,budget in seconds)
define timed
start=$$SECONDS; echo "=== $(1)"; status=0; $(MAKE) --keep-going $(2) || status=$$?; \
echo "=== $(1): $$((SECONDS - start)) s of $(3) s"; exit $$status
endef
