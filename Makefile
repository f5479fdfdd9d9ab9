.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PRESET ?= $(or $(TOXRES_PRESET),quick)
PYTEST_ARGS ?=
PORT ?= 8000
PYTHONS ?= python3.11 python3.12 python3.13 python3 python
PIP ?= .venv/bin/python -m pip
PY := .venv/bin/python
STAMP := .venv/.installed

# The stamp holds the folder it was made in: an editable install does not survive a move.
venv_works := $(shell [ "$$(cat $(STAMP) 2>/dev/null)" = "$(CURDIR)" ] && $(PY) -c '' 2>/dev/null && echo yes)

.PHONY: help setup run test stress render app data bench clean remake

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo "  PRESET=smoke|quick|full|paper says how much is trained (make run; quick unless told otherwise)"

setup: $(STAMP) ## make .venv and install into it; nothing to do when it is there

$(STAMP): pyproject.toml $(if $(venv_works),,remake)
	@python=""; \
	for candidate in $(PYTHONS); do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "make: Python 3.11 or newer is needed and none of these is it: $(PYTHONS)." >&2; \
		echo "make: install it, or name it: make PYTHONS=/path/to/python3.11 setup" >&2; \
		exit 1; \
	fi; \
	if [ -z "$(venv_works)" ] && ! .venv/bin/python -m pip --version >/dev/null 2>&1; then \
		echo "making .venv with $$($$python --version)"; \
		rm -rf .venv; \
		$$python -m venv .venv; \
	fi; \
	echo "installing into .venv (minutes, the first time)"; \
	rm -f $(STAMP); \
	$(PIP) install --quiet --disable-pip-version-check -e ".[dev]"; \
	printf '%s\n' "$(CURDIR)" > $(STAMP)

run: $(STAMP) ## every notebook top to bottom on the best data at hand, into build/; ends with the comparison
	@$(PY) -m toxres.render --preset $(PRESET) --out build/notebooks --summary

test: $(STAMP) ## lint and tests
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@OMP_NUM_THREADS=1 $(PY) -m pytest -m "not stress" -n logical --maxprocesses 4 $(PYTEST_ARGS)

stress: $(STAMP) ## the long tests: full fuzz, kill and load counts
	@code=0; OMP_NUM_THREADS=1 $(PY) -m pytest -m stress $(PYTEST_ARGS) || code=$$?; \
	if [ $$code -eq 5 ]; then echo "no test is marked stress"; code=0; fi; \
	exit $$code

render: $(STAMP) ## the committed results, notebooks and figures: preset full, on real data (hours, resumable)
	@for name in synthetic oof ablation; do $(PY) -m toxres.training.experiments $$name --workers 2; done
	@for name in stress groups efficiency; do $(PY) -m toxres.experiments.$$name; $(PY) -m toxres.experiments.$$name --summary; done
	@$(PY) -m toxres.experiments.decision --language-model build/experiments/oof/language
	@$(PY) -m toxres.experiments.poleval
	@$(PY) -m toxres.experiments.months
	@$(PY) -m toxres.experiments.explained; $(PY) -m toxres.experiments.explained --summary
	@$(PY) -m toxres train custom --source jigsaw,civil_spans,davidson,balanced --preset full --resume \
		--out build/experiments/explained/custom_balanced
	@for what in "" --labels --summary; do $(PY) -m toxres.experiments.errors $$what; done
	@$(PY) -m toxres.training.summaries
	@$(PY) -m toxres.render --preset full --in-place
	@$(PY) -m toxres.readme

app: $(STAMP) ## the page and the API on the newest checkpoints, at http://127.0.0.1:8000 (PORT=N for another)
	@$(PY) -m toxres serve --port $(PORT) --database build/moderation.db

data: $(STAMP) ## download the public sources, verified, into data/cache
	@$(PY) -m toxres data pull

bench: $(STAMP) ## speed beside the alternatives, into data/results/bench.json (minutes; nothing else should run)
	@code=0; $(PY) -m toxres.bench || code=$$?; $(PY) -m toxres.readme; exit $$code

clean: ## remove build/ and caches; .venv and data/ stay
	@rm -rf build .pytest_cache .ruff_cache .hypothesis
