# Every target sets up what it needs: the virtual environment follows the lock.
PYTHON ?= python3.11 python3.12 python3.13 python3.14 python3 python
STACK ?= dev
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
MODEL := examples/model/build/model.tar.gz
LANGUAGE_MODEL := examples/serving/llm/build/sample.json
CHECKOV := .venv-checkov/bin/checkov
ENGINE := build/engine/bin/pulumi
ENGINE_MODULE := github.com/pulumi/pulumi

# The first of PYTHON that runs, is new enough and can make a virtual environment: a name on PATH may do none of it.
SUITABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
FOUND = $(shell for each in $(PYTHON); do "$$each" -c "$(SUITABLE)" >/dev/null 2>&1 && echo "$$each" && break; done)
SUITABLE_PYTHON = $(or $(FOUND),$(error No Python 3.11 or newer with venv: tried $(PYTHON). Name one with PYTHON=...))

# pip compiles nothing: of fourteen thousand modules few are used, and Python compiles those once, unless it is told not to.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup model engine rehearse local check test lint conformance lives bench docs lock clean

help: ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(INSTALLED): requirements.txt pyproject.toml
	@echo "Installing the locked packages into $(VENV) (once, about a minute)"
	@$(SUITABLE_PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(MODEL): examples/model/train.py | $(INSTALLED)
	@$(BIN)/python examples/model/train.py --out $(@D)

$(LANGUAGE_MODEL): examples/serving/llm/train.py examples/serving/llm/decoder.py | $(INSTALLED)
	@$(BIN)/python examples/serving/llm/train.py --out $(@D)

setup: $(INSTALLED) ## make the virtual environment

model: $(MODEL) $(LANGUAGE_MODEL) ## train the examples' models as SageMaker takes them

# go.mod alone says which version it is; -X writes it into the binary, which the SDK asks. Without optimisation it builds
# in two thirds of the time, and a fifth less where the compiler collects no garbage as long as 2 GiB hold it. The standard
# library is optimised: half of what an update costs the engine is a key derived from its passphrase.
$(ENGINE): tests/engine/go.mod tests/engine/go.sum
	@command -v go >/dev/null || { echo "The engine is built by Go: install it (https://go.dev/dl/), or put a pulumi on PATH." >&2; exit 1; }
	@echo "Building the Pulumi engine (once, some minutes)"
	@cd $(<D) && version=$$(go list -m -f '{{.Version}}' $(ENGINE_MODULE)/pkg/v3) && GOGC=off GOMEMLIMIT=2GiB go build -trimpath -gcflags='all=-N -l' -gcflags=std= \
		-ldflags "-s -w -X $(ENGINE_MODULE)/sdk/v3/go/common/version.Version=$$version" \
		-o $(CURDIR)/$@ $(ENGINE_MODULE)/pkg/v3/cmd/pulumi
	@touch $@

engine: $(ENGINE) ## build the Pulumi engine that a life runs on; needs Go

rehearse: $(INSTALLED) $(MODEL) ## run the whole stack on an embedded AWS (STACK=dev)
	@$(BIN)/private-inference rehearse --stack $(STACK)

# A stack of its own, because the CLI writes into a stack's file; its state goes with the AWS that it describes.
local: $(INSTALLED) $(MODEL) ## pulumi up on an embedded AWS, then what boto3 found there; needs the Pulumi CLI (STACK=dev)
	@command -v pulumi >/dev/null || { echo "The Pulumi CLI is not on PATH: https://www.pulumi.com/docs/install/" >&2; exit 1; }
	@cp Pulumi.$(STACK).yaml Pulumi.local.yaml
	@trap 'rm -f Pulumi.local.yaml' EXIT; $(BIN)/private-inference local --stack local -- \
		sh -c 'pulumi stack init local && pulumi up --yes --stack local && $(BIN)/private-inference verify --stack local'

check: $(INSTALLED) $(MODEL) ## program, policies and both proofs; nothing is created (STACK=dev)
	@$(BIN)/private-inference check --stack $(STACK)

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-logo --no-cache
	cd examples/consumer && ../../$(BIN)/mypy --config-file ../../pyproject.toml --cache-dir ../../.mypy_cache .
	cd examples/consumer-elsewhere && ../../$(BIN)/mypy --config-file ../../pyproject.toml --cache-dir ../../.mypy_cache .
	cd examples/hub && ../../$(BIN)/mypy --config-file ../../pyproject.toml --cache-dir ../../.mypy_cache .
	cd examples/serving/llm && ../../../$(BIN)/mypy --config-file ../../../pyproject.toml --cache-dir ../../../.mypy_cache .

# Checkov's pins clash with the product's, so it lives apart.
$(CHECKOV): tests/conformance/requirements-checkov.txt
	@echo "Installing Checkov into .venv-checkov (once)"
	@$(SUITABLE_PYTHON) -m venv --clear .venv-checkov
	@.venv-checkov/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r $<
	@touch $@

# Conformance is skipped where the AWS provider can't be had, and Checkov's part of it where Checkov isn't installed;
# lives are skipped where there is no engine. With REQUIRE_CONFORMANCE=1 and REQUIRE_ENGINE=1 they are not. The engine takes
# longest: with -j 2 it is built from the start, beside the rest.
NEEDED = $(if $(filter 1,$(REQUIRE_ENGINE)),$(MISSING_ENGINE)) $(if $(filter 1,$(REQUIRE_CONFORMANCE)),$(CHECKOV))
MISSING_ENGINE = $(if $(shell command -v pulumi 2>/dev/null),,$(ENGINE))

test: $(NEEDED) $(INSTALLED) $(MODEL) $(LANGUAGE_MODEL) lint ## lint, type check and run all tests
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup

conformance: $(INSTALLED) $(MODEL) $(LANGUAGE_MODEL) $(CHECKOV) ## the exported stacks through the real AWS provider, and Checkov
	EVERY_STACK=1 REQUIRE_CONFORMANCE=1 $(BIN)/pytest -n 3 --dist loadgroup tests/conformance

lives: $(MISSING_ENGINE) $(INSTALLED) $(MODEL) $(LANGUAGE_MODEL) ## every life, also with each safeguard taken out; needs an engine
	EVERY_STACK=1 REQUIRE_ENGINE=1 $(BIN)/pytest -n $(WORKERS) --dist loadgroup tests/life

bench: $(INSTALLED) $(MODEL) ## measure rehearsal, policies, both proofs and export
	$(BIN)/python -m benchmarks.rehearsal
	$(BIN)/python -m benchmarks.policy
	$(BIN)/python -m benchmarks.reachability
	$(BIN)/python -m benchmarks.authorization
	$(BIN)/python -m benchmarks.account
	$(BIN)/python -m benchmarks.export

docs: $(INSTALLED) $(MODEL) ## write the generated parts of docs/
	@$(BIN)/python -m docs.generate

lock: $(INSTALLED) ## write requirements.txt anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --no-header --quiet --output-file requirements.txt

clean: ## remove what make made
	rm -rf $(VENV) .venv-checkov build examples/model/build examples/serving/llm/build
