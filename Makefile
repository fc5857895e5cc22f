# What a developer types; `make help` lists it. Everything lives in .venv/, set up on first use and again when a lock
# file has changed. Paths are relative: the folder's own name may hold spaces.

PYTHON ?= python3
VENV_PYTHON := .venv/bin/python
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.PHONY: help run test test-more test-faults check format bench pictures openapi lock clean run-time development

help:  ## list these words
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / {printf "%-12s%s\n", $$1, $$2}' Makefile

run: run-time  ## start everything on http://127.0.0.1:33766 (PORT, SANDBOX_PORT, MASTABLASTA_HOME, DATABASE_URL); Ctrl-C stops it
	@exec $(VENV_PYTHON) manage.py up

test: development  ## what every change must pass, in six minutes: on a PostgreSQL of its own (or TEST_DATABASE_URL) and on SQLite
	@$(VENV_PYTHON) -m tests $(TESTS)

test-more: development  ## the rest: all of the database on SQLite too, faults in short, browser, fuzzing
	@$(VENV_PYTHON) -m tests --more $(TESTS)

test-faults: development  ## break everything that can break, the long way (about 40 minutes); docs/reliability.md
	@FAULTS=full $(VENV_PYTHON) -m tests --faults

check: development  ## lint, format, types, import rules, migrations, settings for production, API description
	@$(VENV_PYTHON) -m tests.checks

format: development  ## put the code into shape
	@$(VENV_PYTHON) -m ruff check --fix --quiet . ; $(VENV_PYTHON) -m ruff format --quiet .

bench: development  ## measure against the bare limits of this machine (ONLY=a,b picks figures)
	@$(VENV_PYTHON) -m bench $(ONLY)

pictures: development  ## take the pictures of the admin's help page again (needs Chromium)
	@HELP_PICTURES=yes $(VENV_PYTHON) -m pytest -q tests/more/test_admin_pages.py -k thread

openapi: development  ## write docs/openapi.yaml
	@$(VENV_PYTHON) -m tests.checks --write-openapi

lock: development  ## pin the whole tree again after a change of requirements*.txt
	@$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check uv
	@$(VENV_PYTHON) -m uv pip compile --python-version 3.11 --quiet --no-header --generate-hashes requirements.txt -o requirements.lock.txt
	@$(VENV_PYTHON) -m uv pip compile --python-version 3.11 --quiet --no-header --generate-hashes -c requirements.lock.txt requirements-dev.txt -o requirements-dev.lock.txt

clean:  ## remove the environment and all caches; data in var/ stays
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# What pip is at, a line in all; what goes wrong is shown as pip says it, and makes this fail.
progress = /^(Collecting|Processing) / { sub(".*/", "", $$2); \
		printf "\r%3d of %d packages: %-40.40s", ++n, of, $$2; fflush(); next } \
	/^Installing collected/ { printf "\r%-64s\n", "installing " of " packages"; fflush(); next } \
	/^(ERROR|error)|^WARNING: Retrying/ { print (n ? "\n" : "") $$0; fflush() } \
	$$0 == "pip failed" { failed = 1 } \
	END { exit failed }

# One stamp a lock file, named by its checksum: nothing to do while it is there.
define install
	@set -e; \
	stamp=".venv/.has-$$(cksum < $(1) | tr -d ' ')"; \
	if [ -e "$$stamp" ] && $(VENV_PYTHON) -c '' 2>/dev/null; then exit 0; fi; \
	command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed; install Python 3.11 or newer, or name one: make PYTHON=..." >&2; exit 1; }; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is $$($(PYTHON) -V); MastaBlasta needs Python 3.11 or newer; name one: make PYTHON=python3.11" >&2; exit 1; }; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) lacks venv; install it (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }; \
	echo "Setting up .venv from $(1)" >&2; \
	of=$$(grep -c '^[a-z0-9].*==' $(1)); \
	$(VENV_PYTHON) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv; \
	{ $(VENV_PYTHON) -m pip install --disable-pip-version-check --no-color --progress-bar off --require-hashes -r $(1) 2>&1 \
		|| echo "pip failed"; } | awk -v of="$$of" '$(progress)' >&2; \
	for lock in $(2); do touch ".venv/.has-$$(cksum < $$lock | tr -d ' ')"; done
endef

run-time:
	$(call install,requirements.lock.txt,requirements.lock.txt)

development:  # holds the run-time packages too, in the same versions (tests/test_requirements.py)
	$(call install,requirements-dev.lock.txt,requirements.lock.txt requirements-dev.lock.txt)
