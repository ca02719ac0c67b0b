# The first call of any target sets the checkout up by itself; see requirements/install.
#   up         found a PKI in $CERTWRIGHT_HOME (default ./var) if there is none, and serve it
#   test       every test but those of architecture, on SQLite, then again on PostgreSQL where it matters which
#              database it is (tests/conftest.py); then pkilint and zlint judge what all of them have signed
#   test-full  what `make test` leaves out or does smaller: kills, fuzzing and properties in their whole length, from a
#              seed that it prints, and on PostgreSQL all the rest that touches a database. Vault and Kubernetes are
#              built for it from their source, once: half an hour or more
#   check      lint, format, types, architecture
#   bench      one script per promise of speed
#   docs       is every port, setting, audit event and finding in the reference?

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
export PYTHON ?= python3
# set by some machines; the tests start a thousand processes, each of which would compile all that it imports
export PYTHONDONTWRITEBYTECODE :=
export CERTWRIGHT_TEST_SIGNED ?= $(CURDIR)/.cache/signed

installed := .venv/.run-installed
development := .venv/.development-installed
assets := src/certwright/console/static/certwright/built/manifest.json
pytest := .venv/bin/pytest -n 4 --dist loadscope
judges := .venv/bin/pytest tests/peers/judge_run.py

.PHONY: up test test-full check bench docs

up: $(installed) $(assets)
	exec .venv/bin/certwright up

test: $(development) $(assets)
	rm -rf "$$CERTWRIGHT_TEST_SIGNED"
	CERTWRIGHT_TEST_DATABASE=sqlite $(pytest) --ignore tests/architecture
	CERTWRIGHT_TEST_DATABASE=postgresql $(pytest) --ignore tests/architecture -m database
	$(judges)

test-full: $(development) $(assets)
	rm -rf "$$CERTWRIGHT_TEST_SIGNED"
	CERTWRIGHT_TEST_FULL=1 CERTWRIGHT_TEST_DATABASE=sqlite $(pytest) --ignore tests/architecture --timeout 7200
	CERTWRIGHT_TEST_FULL=1 CERTWRIGHT_TEST_DATABASE=postgresql $(pytest) --ignore tests/architecture --timeout 7200 -m database
	$(judges)

check: $(development)
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy --strict src
	.venv/bin/pytest tests/architecture
	.venv/bin/python -m tests.architecture.sizes

bench: $(development) $(assets)
	for script in bench/[a-z]*.py; do name=$${script##*/}; .venv/bin/python -m "bench.$${name%.py}"; done

docs: $(development)
	.venv/bin/python -m tests.architecture.reference

$(installed): requirements/run.txt requirements/install pyproject.toml
	requirements/install run

$(development): requirements/development.txt requirements/install pyproject.toml
	requirements/install development

$(assets): requirements/assets assets/package-lock.json $(wildcard assets/*.js assets/*.mjs assets/*.css)
	requirements/assets
