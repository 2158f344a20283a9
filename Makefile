# Everything a person or a machine does here. `make demo` and `make test` need nothing but Python 3.11+, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/uv/bin/uv
UV_RUN := $(UV) --no-config --no-progress --quiet
SERVER := $(VENV)/.server
DEVELOPMENT := $(VENV)/.development
# What one program compiled, the hundreds after it read: a machine that forbids it has every worker compile all tests.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install check format lint types contracts generated fast browser test demo up bench clients soak docs reference screenshots lock audit clean

help: ## What there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(DEVELOPMENT) ## Fill .venv with everything, locked by hash

$(UV): requirements/uv.txt
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Picha needs Python 3.11 or newer; name one with PYTHON=")'
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --require-hashes --upgrade --target $(VENV)/uv -r requirements/uv.txt
	@$(UV_RUN) venv --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
	@touch $(UV)

$(SERVER): $(UV) requirements/server.txt requirements/build.txt pyproject.toml
	@$(UV_RUN) pip install --python $(BIN)/python --require-hashes -r requirements/server.txt -r requirements/build.txt
	@$(UV_RUN) pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(DEVELOPMENT): $(SERVER) requirements/dev.txt
	@$(UV_RUN) pip install --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

check: $(DEVELOPMENT) ## Format, lint, types, import contracts, fast tests
	@$(MAKE) --no-print-directory --jobs=2 format lint types contracts generated fast

format: $(DEVELOPMENT)
	@$(BIN)/ruff format --check --quiet src tests bench tools

lint: $(DEVELOPMENT)
	@$(BIN)/ruff check --quiet src tests bench tools

types: $(DEVELOPMENT)
	@$(BIN)/mypy --no-error-summary

contracts: $(DEVELOPMENT)
	@$(BIN)/lint-imports --no-cache > $(VENV)/contracts.txt || (cat $(VENV)/contracts.txt; exit 1)

generated: $(DEVELOPMENT)
	@$(BIN)/python -m tools.reference --check

fast: $(DEVELOPMENT)
	@$(BIN)/pytest -q -n 2 tests/unit tests/contract tests/architecture

test: check ## Everything: check, then store, journeys and proofs against real programs, and the pages in a browser
	@$(BIN)/pytest -q -n 5 --dist worksteal tests/proofs tests/journeys tests/store
	@$(MAKE) --no-print-directory docs browser

browser: $(DEVELOPMENT)
	@$(BIN)/pytest -q -n 2 --dist loadfile tests/browser

demo: $(SERVER) ## The main job, visible: make demo [IMAGE=path/to/photo.jpg]
	@$(BIN)/picha demo $(if $(IMAGE),--image "$(IMAGE)")

up: $(SERVER) ## Start gateway and sandbox, and stay
	@$(BIN)/picha up

bench: $(DEVELOPMENT) ## Ratios to bare baselines, each measured in one run
	@$(BIN)/python -m bench

NPM_CLIENTS := @kapso/whatsapp-cloud-api@0.3.0 whatsapp-api-js@6.3.0 @great-detail/whatsapp@9.2.0 @whatsapp-cloudapi/client@4.2.0
clients: $(DEVELOPMENT) ## The npm clients of docs/how-to-sandbox.md, run for real (needs npm; brings a Node 22 of its own)
	@npm install --prefix $(VENV)/clients --no-save --no-audit --no-fund --silent node@22 $(NPM_CLIENTS)
	@$(BIN)/pytest -q tests/journeys/test_how_to_sandbox.py tests/journeys/test_sandbox_clients.py

SOAKED := journeys/test_sandbox_fuzz journeys/test_sandbox_schema journeys/test_sandbox_oracle unit/test_images_fuzz \
	store/test_simulation proofs/test_crash_points proofs/test_random_kills proofs/test_deliveries
SEEDS ?= 50000
CYCLES ?= 50
MINUTES ?= 10
SEED ?= $(shell date +%s)
soak: $(DEVELOPMENT) ## What is tested for seconds, for as long as you want: make soak [SEEDS=50000] [CYCLES=50] [MINUTES=10] [SEED=random]
	@echo "SEEDS=$(SEEDS) CYCLES=$(CYCLES) SEED=$(SEED)"
	@SIMULATED_SEEDS=$(SEEDS) $(BIN)/pytest -q --hypothesis-profile=soak --timeout=7200 --cycles=$(CYCLES) --seed=$(SEED) \
	  $(SOAKED:%=tests/%.py)
	@$(BIN)/python -m bench endurance --minutes $(MINUTES)

docs: $(DEVELOPMENT) ## Build the documentation, warnings are errors
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

reference: $(DEVELOPMENT) ## Write the generated pages of docs/reference
	@$(BIN)/python -m tools.reference

screenshots: $(DEVELOPMENT) ## Take the screenshots of the docs anew (needs Chromium)
	@$(BIN)/python -m tools.screenshots

audit: $(DEVELOPMENT) ## Known vulnerabilities among what is locked
	@$(BIN)/pip-audit --require-hashes --disable-pip -r requirements/s3.txt

LOCK := $(UV_RUN) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --upgrade
lock: $(UV) ## Lock anew: the newest releases that are a week old
	@week=$$(date -u -d '7 days ago' +%Y-%m-%dT00:00:00Z); \
	$(LOCK) --exclude-newer $$week -o requirements/base.txt; \
	$(LOCK) --exclude-newer $$week --extra server -o requirements/server.txt; \
	$(LOCK) --exclude-newer $$week --extra server --extra s3 -o requirements/s3.txt; \
	$(LOCK) --exclude-newer $$week --extra server --extra s3 --group dev -o requirements/dev.txt; \
	printf "editables\nhatchling\n" | $(UV_RUN) pip compile - --universal --python-version 3.11 --generate-hashes --no-header --exclude-newer $$week -o requirements/build.txt; \
	echo uv | $(UV_RUN) pip compile - --universal --python-version 3.11 --generate-hashes --no-header --exclude-newer $$week -o requirements/uv.txt

clean: ## Remove what was built; the data in .picha stays
	@rm -rf $(VENV) site dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
