# Everything a person does with Tenantry. `make` alone lists it; each target first makes what it needs.
#
# Variables: ENV=local|dev|staging|prod  PORT=4566  FUNCTION=<name>  CHAPTER=<name>  PYTHON=<path>  UPGRADE=1
SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:

ENV ?= local
dev := .venv/dev
sam := .venv/sam
audit := .venv/audit

# SAM's recipes call python3.13 and uv by name.
export PATH := $(CURDIR)/$(dev)/bin:$(CURDIR)/$(sam)/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# uv reads none of pip's settings: it is handed the two that a company's network needs.
export UV_SYSTEM_CERTS := 1
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
ifdef PORT
export PORT
endif

# Where the local cloud at that port keeps its data and outputs.
home := .localcloud$(if $(filter-out 4566,$(PORT)),/$(PORT))

# --- what is built, for which machine -----------------------------------------------------------

ifeq ($(ENV),local)
built := .aws-sam/build
export ARCHITECTURE := $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)
overrides := --parameter-overrides Stage=local Prefix=tenantry-local Architecture=$(ARCHITECTURE)
ifeq ($(shell uname -s),Darwin)
export PYTHON_PLATFORM := $(if $(filter arm64,$(ARCHITECTURE)),aarch64,x86_64)-apple-darwin
endif
else
built := .aws-sam/$(ENV)/build
export ARCHITECTURE := $(shell sed -n '/^\[$(ENV)\.build/,/^$$/s/.*Architecture=\([a-z0-9_]*\).*/\1/p' samconfig.toml)
overrides :=
region := $(shell sed -n '/^\[$(ENV)\.global/,/^$$/s/^region = "\(.*\)"/\1/p' samconfig.toml)
$(if $(and $(ARCHITECTURE),$(region)),,$(error samconfig.toml has no environment "$(ENV)"))
endif

# The longest first.
checks := check-types check-style check-imports check-templates check-pages

# Two of these run at a time, and one that fails leaves the others to be heard.
ifneq ($(MAKECMDGOALS),)
ifeq ($(filter-out check unit $(checks) check-security,$(MAKECMDGOALS)),)
MAKEFLAGS += -k -j 2
endif
endif

# One worker starts what a file of tests shares, such as a local cloud.
parallel := -n 2 --dist loadfile

recipes := functions/context.mk layers/dependencies.mk $(wildcard stacks/*)
sources = template.yaml openapi.yaml schema.graphql samconfig.toml $(recipes) \
	$(shell find functions layers appsync statemachines stacks -not -path '*/__pycache__*' -not -name '*.pyc' 2>/dev/null)

# --- the person's targets ------------------------------------------------------------------------

.PHONY: help demo test build up down deploy outputs logs reset redrive check unit contracts \
	integration infrastructure e2e bench docs lock clean

help:
	@echo "Tenantry. Two commands to begin with: make demo, make test."
	@echo
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

demo: build ## sign a real person up on a local cloud, step by step (CHAPTER= for one part)
	@python -m localcloud.demo $(if $(CHAPTER),--chapter $(CHAPTER))

test: ## everything: checks, then every test, on a local cloud of its own
	@$(MAKE) check check-security
	@$(MAKE) build
	@echo "== unit, contracts, integration, infrastructure"
	@pytest $(parallel) tests/unit tests/contracts tests/integration tests/infrastructure
	@echo "== end to end, on a local cloud of its own"
	@pytest tests/e2e

build: $(built)/template.yaml ## build functions and layers (ENV= for a cloud)

up: build ## start the local cloud, deploy into it and print its URLs (PORT=)
	@python -m localcloud up

down: $(dev)/installed ## stop the local cloud; its data stays
	@python -m localcloud down

ifeq ($(ENV),local)
deploy: build ## deploy into the running local cloud, or to a real account (ENV=dev)
	@python -m localcloud deploy
else
deploy: build
	@python -m tools.release $(ENV)
endif

outputs: $(dev)/installed ## print the URLs and ids of the running local cloud
	@python -m localcloud outputs

logs: $(dev)/installed ## follow what the functions log (FUNCTION= for one)
	@python -m localcloud logs $(if $(FUNCTION),--function $(FUNCTION))

reset: $(dev)/installed ## empty the local cloud: every user and item goes
	@python -m localcloud reset

redrive: $(dev)/installed ## send what was given up back to where it failed (ENV=, QUEUE= for one, DRY_RUN=1)
	@$(page) ops.redrive $(if $(filter local,$(ENV)),--outputs $(home)/outputs.json,--prefix tenantry-$(ENV) --region $(region)) $(if $(DRY_RUN),--dry-run)

check: $(checks) ## lint, types, import rules, templates, generated pages

unit: $(dev)/installed ## rules and services, with fakes, but for the long runs of `make test`
	@pytest $(parallel) -m 'not figures' tests/unit

contracts: $(dev)/installed ## one suite a port, on the fake and on the real adapter
	@pytest $(parallel) tests/contracts

integration: $(dev)/installed ## handlers with sample events
	@pytest $(parallel) tests/integration

infrastructure: build ## the templates, the roles and the built artifact
	@pytest $(parallel) tests/infrastructure

e2e: build ## the deployed system through its public doors, on a local cloud of its own
	@pytest tests/e2e

bench: build ## measure against the usual stack, side by side (minutes)
	@python -m bench

docs: $(dev)/installed ## write the generated pages again
	@for name in $(pages); do $(page) $$name || exit 1; done

lock: $(dev)/installed ## pin the dependencies again, with hashes (UPGRADE=1 for newer ones)
	@python -m tools.aws_services
	@echo "== requirements/"
	@$(compile) --universal requirements/dev.in -o requirements/dev.txt
	@$(compile) --universal -c requirements/dev.txt requirements/uv.in -o requirements/uv.txt
	@$(compile) --universal requirements/sam.in -o requirements/sam.txt
	@$(compile) --universal requirements/audit.in -o requirements/audit.txt
	@for layer in $(patsubst layers/%/requirements.in,%,$(wildcard layers/*/requirements.in)); do \
		echo "== layers/$$layer"; \
		$(compile) --python-platform aarch64-manylinux_2_28 -c requirements/dev.txt \
			layers/$$layer/requirements.in -o layers/$$layer/requirements.txt || exit 1; \
	done

clean: ## remove what was built and installed; the local cloud's data stays
	@rm -rf .aws-sam .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

# --- checks ----------------------------------------------------------------------------------------

# Modules that write a page of docs/, or the layout of mails, and with --check say whether it is current.
pages := tools.dependencies tools.permissions tools.event_schemas tools.mail_layout
# They import the product, and leave no bytecode in its folder, which would make SAM build it again.
page := PYTHONPATH=layers/tenantry python -X pycache_prefix=.cache/bytecode -m

templates = template.yaml $(wildcard functions/*/template.yaml)

.PHONY: $(checks) check-security

$(checks): $(dev)/installed

check-style:
	@ruff check --quiet . && ruff format --check --quiet . && echo "ok  style"

check-types:
	@mypy --no-error-summary && echo "ok  types"

check-imports:
	@mkdir -p .cache && PYTHONPATH=layers/tenantry lint-imports --no-logo --cache-dir .cache/imports \
		> .cache/imports.log || { cat .cache/imports.log; exit 1; }
	@echo "ok  import rules"

check-templates: .cache/validated/linted .cache/validated/state-machines $(patsubst %,.cache/validated/%,$(templates))
	@echo "ok  templates"

# Each takes seconds, so it is done once a change.
.cache/validated/linted: $(templates) $(wildcard stacks/*.yaml) $(dev)/installed
	@cfn-lint $(templates) $(wildcard stacks/*.yaml)
	@mkdir -p $(@D) && touch $@

.cache/validated/state-machines: $(wildcard statemachines/*) tools/state_machines.py $(dev)/installed
	@python -m tools.state_machines
	@mkdir -p $(@D) && touch $@

.cache/validated/%.yaml: %.yaml $(sam)/installed
	@said=$$(sam validate --lint --template $< 2>&1) || { echo "$<: $$said"; exit 1; }
	@mkdir -p $(@D) && touch $@

# Apart from `check`, since what it needs is large and asked for rarely.
check-security: .cache/validated/audited
	@echo "ok  security of the templates"

.cache/validated/audited: $(templates) .checkov.yaml $(audit)/installed
	@said=$$($(audit)/bin/checkov --config-file .checkov.yaml --file $(templates) 2>&1) || { echo "$$said"; exit 1; }
	@mkdir -p $(@D) && touch $@

check-pages:
	@python -m tools.aws_services --check
	@for name in $(pages); do $(page) $$name --check || exit 1; done
	@echo "ok  generated pages"

# --- what they need --------------------------------------------------------------------------------

compile = uv pip compile --quiet --generate-hashes --no-header --no-annotate --python-version 3.13 \
	$(if $(UPGRADE),--upgrade)

$(dev)/installed: requirements/dev.txt requirements/uv.txt .python-version
	@python=$$(tools/find-python.sh) && echo "== making $(dev) with $$python" && \
		rm -rf $(dev) && "$$python" -m venv $(dev)
	@echo "   uv, which installs the others"
	@$(dev)/bin/pip install --quiet --require-hashes -r requirements/uv.txt
	@set -o pipefail; VIRTUAL_ENV=$(CURDIR)/$(dev) $(dev)/bin/uv pip sync --require-hashes requirements/dev.txt 2>&1 \
		| grep --line-buffered -v '^ [+-] '
	@touch $@

# Apart from each other: SAM and checkov need other versions of boto3 than the local cloud.
$(sam)/installed $(audit)/installed: .venv/%/installed: requirements/%.txt $(dev)/installed
	@echo "== making $(@D)"
	@rm -rf $(@D) && $(dev)/bin/uv venv --quiet --python $(dev)/bin/python $(@D)
	@set -o pipefail; VIRTUAL_ENV=$(CURDIR)/$(@D) $(dev)/bin/uv pip sync --require-hashes $< 2>&1 \
		| grep --line-buffered -v '^ [+-] '
	@touch $@

# SAM's cache looks at a function's or layer's own folder only.
.aws-sam/recipes: $(recipes)
	@rm -rf .aws-sam/cache .aws-sam/*/cache
	@mkdir -p $(@D) && touch $@

$(built)/template.yaml: $(sources) .aws-sam/recipes | $(dev)/installed $(sam)/installed
	@echo "== building $(built) for $(ARCHITECTURE)"
	@python -m tools.aws_services && python -m tools.mail_layout
	@set -o pipefail; sam build --config-env $(ENV) $(overrides) 2>&1 | python -m tools.sam_progress
