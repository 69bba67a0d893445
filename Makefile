# ChargePortal needs Python 3.11+ with venv, make and PyPI, and nothing else.
#   make run     everything on this machine: http://127.0.0.1:8000/   (PORT, HOST, VAR, DATABASE_URL, REDIS_URL)
#   make test    the tests, on a throw-away PostgreSQL and Valkey       (ARGS="tests/billing -k parking")
#   make check   style, types, import contracts, migrations, API description, translations
#   make bench   the benchmark of the OCPP gateway, on a durable PostgreSQL

SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?=
UV_VERSION := 0.13.8
UV := .tools/bin/uv
RUN := .venv/bin/python

export UV_CACHE_DIR ?= $(CURDIR)/.tools/cache
export UV_PYTHON_DOWNLOADS := never
export UV_NO_CONFIG := 1
# the certificates the system trusts: behind a company's proxy there are some that uv does not carry
export UV_SYSTEM_CERTS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME DJANGO_SETTINGS_MODULE UV_PROJECT_ENVIRONMENT

.PHONY: help run test check bench messages openapi format clean

help:
	@sed -n 's/^#   //p' Makefile

run: .venv/.runtime
	@exec $(RUN) -m chargeportal.runtime --stop-with-parent

test: .venv/.dev
	$(RUN) -m pytest $(ARGS)

check: .venv/.dev
	$(RUN) -m chargeportal.quality.check

bench: .venv/.dev
	$(RUN) -m chargeportal.bench $(ARGS)

messages: .venv/.dev
	$(RUN) -m chargeportal.quality.messages

openapi: .venv/.dev
	$(RUN) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

format: .venv/.dev
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

clean:
	rm -rf .venv .tools .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# One environment: `run` installs what the product needs, `test` and `check` add their tools to it.
.venv/.runtime: uv.lock pyproject.toml $(UV)
	@echo "Installing the packages of uv.lock"
	@$(UV) sync --quiet --frozen --inexact --no-dev --python .tools/bin/python
	@touch $@

.venv/.dev: uv.lock pyproject.toml $(UV)
	@echo "Installing the packages of uv.lock"
	@$(UV) sync --quiet --frozen --python .tools/bin/python
	@touch .venv/.runtime $@

# Finds a Python that is new enough, or says in one line what is missing.
$(UV):
	@found=; \
	for candidate in "$(PYTHON)" python3 python3.13 python3.12 python3.11 python; do \
	  [ -n "$$candidate" ] && $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	    && { found=$$candidate; break; }; \
	  [ -n "$(PYTHON)" ] && break; \
	done; \
	if [ -z "$$found" ]; then \
	  had=$$($(or $(PYTHON),python3) -V 2>&1 | tail -n 1); \
	  echo "chargeportal: needs Python 3.11 or newer with venv, found: $$had. Set PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	echo "Setting up with $$($$found -V) (once, about a minute)"; \
	rm -rf .tools/bin .tools/lib && \
	$$found -m venv .tools >/dev/null 2>.tools-error || { \
	  echo "chargeportal: $$found cannot make a virtual environment; install its venv module (Debian: python3-venv)" >&2; \
	  rm -f .tools-error; exit 1; }; \
	rm -f .tools-error; \
	.tools/bin/python -m pip install --quiet "uv==$(UV_VERSION)" \
	  || { echo "chargeportal: uv could not be installed from PyPI; is the network there?" >&2; exit 1; }; \
	touch $(UV)
