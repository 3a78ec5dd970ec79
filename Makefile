# Everything that can be done in a checkout. `make` alone lists it; bootstrap/ holds what the targets do.

.DEFAULT_GOAL := help
.NOTPARALLEL:

IN_ENV := .venv/bin
BOOTSTRAP := $(IN_ENV)/python -m bootstrap

# Type-checked one by one: several have a `__main__`, and together those would be one module to mypy.
TYPED := components bootstrap services tests bench examples __main__.py

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{ printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Not a file target: what is checked is whether .venv follows requirements.lock, not which is newer.
.PHONY: venv
venv: ## the Python environment in .venv, from requirements.lock
	@sh bootstrap/venv.sh

# ---- the stack

.PHONY: up
up: venv ## bring the stack `dev` up on this machine, installing what is missing where that is allowed
	@$(BOOTSTRAP) up

.PHONY: preview
preview: venv ## show what `make up` would change
	@$(BOOTSTRAP) preview

.PHONY: policy
policy: venv ## the same, held to the policy pack: what does a container open?
	@$(BOOTSTRAP) policy

.PHONY: outputs
outputs: venv ## the stack's outputs as JSON, secrets included
	@$(BOOTSTRAP) outputs

.PHONY: pulumi
pulumi: venv ## a Pulumi command on the stack of `make up`: make pulumi ARGS="stack --show-urns"
	@$(BOOTSTRAP) pulumi '$(ARGS)'

.PHONY: down
down: venv ## take the stack down; asks before it removes volumes (VOLUMES=1: removes them, unasked)
	@$(BOOTSTRAP) down $(if $(filter 1 yes true,$(VOLUMES)),--volumes)

# ---- its parts, one by one

.PHONY: engine
engine: venv ## find, download or build the Pulumi engine
	@$(BOOTSTRAP) engine

.PHONY: images
images: venv ## what images are built from without a registry; TRACING=1: Jaeger too, for stacks with observability.tracing
	@$(BOOTSTRAP) images $(if $(filter 1 yes true,$(TRACING)),--tracing)

# ---- checks

.PHONY: test
test: lint test-unit test-edge test-guard test-observe test-services test-system ## every check; installs what the tests need like `make up` does

.PHONY: lint
lint: venv ## formatting, style, strict types, Dockerfiles
	$(IN_ENV)/ruff check
	$(IN_ENV)/ruff format --check
	@for code in $(wildcard $(TYPED)); do echo "mypy $$code"; MYPYPATH=services $(IN_ENV)/mypy $$code || exit 1; done
	$(IN_ENV)/hadolint $$(git ls-files --cached --others --exclude-standard '*Dockerfile')

.PHONY: test-unit
test-unit: venv ## seconds; no Docker, no engine
	$(IN_ENV)/python -m pytest -n 2 tests/unit

.PHONY: test-edge
test-edge: venv ## the real Traefik with the edge's files, on loopback; no Docker
	$(IN_ENV)/python -m pytest -n 2 tests/edge

.PHONY: test-guard
test-guard: venv ## the real Envoy with the guard's files, on loopback; no Docker
	$(IN_ENV)/python -m pytest -n 2 tests/guard

.PHONY: test-observe
test-observe: venv ## the real Prometheus and Alertmanager with a stack's files, on loopback; no Docker
	$(IN_ENV)/python -m pytest -n 2 tests/observe

.PHONY: test-services
test-services: venv ## the programs of ours that run inside a stack
	@$(BOOTSTRAP) test-prerequisites
	$(IN_ENV)/python -m pytest -n 3 tests/services

.PHONY: test-system
test-system: venv ## the real engine, real Docker, real speech
	@$(BOOTSTRAP) test-prerequisites
	$(IN_ENV)/python -m pytest tests/system

.PHONY: bench
bench: venv ## measure, and write the results to docs/
	$(IN_ENV)/python -m bench

# ---- upkeep

.PHONY: schema
schema: venv ## write the JSON Schema of the configuration
	$(IN_ENV)/python -m pulumi_tts.config.schema > docs/config.schema.json

.PHONY: engines-doc
engines-doc: venv ## write docs/engines.md from the engines' profiles
	$(IN_ENV)/python -m pulumi_tts.config.engines.document > docs/engines.md

.PHONY: policy-doc
policy-doc: venv ## write docs/policy.md from the rules
	$(IN_ENV)/python -m pulumi_tts.policy.document > docs/policy.md

.PHONY: labels-table
labels-table: venv ## write the table of labels that Traefik knows, asked of Traefik itself
	@$(BOOTSTRAP) images
	$(IN_ENV)/python -m tests.system.label_table > .labels-table && mv .labels-table components/pulumi_tts/labels/known.txt

COMPILE := uv pip compile --quiet --upgrade --python-version 3.11 --universal --generate-hashes --no-annotate \
    --no-emit-index-url --custom-compile-command 'make lock'

# The environment takes what services/ import at the versions that their images have. hf-xet is another way to fetch
# from the hub, which fill does not go.
.PHONY: lock
lock: ## resolve the Python dependencies again, of .venv and of the images (needs uv)
	$(COMPILE) services/voice/requirements.in -o services/voice/requirements.txt
	$(COMPILE) services/studio/requirements.in -c services/voice/requirements.txt -o services/studio/requirements.txt
	$(COMPILE) services/keeper/requirements.in -c services/studio/requirements.txt -o services/keeper/requirements.txt
	$(COMPILE) services/fill/requirements.in -c services/studio/requirements.txt --no-emit-package hf-xet \
	    -o services/fill/requirements.txt
	$(COMPILE) pyproject.toml --group dev --group bootstrap $(wildcard services/*/requirements.in) \
	    $(patsubst %,-c services/%/requirements.txt,studio keeper fill) -o requirements.lock

.PHONY: format
format: venv ## put the code into the form that `make lint` asks for
	$(IN_ENV)/ruff check --fix
	$(IN_ENV)/ruff format
