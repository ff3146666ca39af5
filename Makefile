# Two commands are enough: `make demo` shows what it does, `make test` shows that it works.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
REACH := tests/test_engines_agree.py tests/test_engine.py tests/test_replica_machine.py tests/test_reached.py tests/test_plugin_engines.py tests/test_invariants.py tests/unit
JOBS := $(shell nproc 2>/dev/null || echo 2)

.PHONY: demo test check answers verify coverage fuzz golden docs docs-pages docs-tables docs-intervals docs-figures bench clean

$(BIN)/shardsim: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

# most modules of what is installed are never imported; whatever is compiles itself
$(VENV)/dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e '.[dev]'
	@touch $@

$(VENV)/bench: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@touch $@

$(VENV)/docs: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@

demo: $(BIN)/shardsim  ## the paper funnel, answered
	$(BIN)/shardsim run scenarios/paper_funnel.yaml --check-engines

test: $(VENV)/dev  ## all tests
	$(BIN)/python -m pytest -n $(JOBS)

check: $(VENV)/dev  ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

answers: $(VENV)/dev  ## whole runs of the gallery and of the README's commands give the stored answers; about 5 minutes on 2 cores
	$(BIN)/python tests/same_answers.py compare

verify: $(BIN)/shardsim $(VENV)/dev  ## known answers and coverage of intervals at depth, and slow pages, under 60 minutes on 2 cores
	rm -rf build/verify
	$(BIN)/shardsim verify --deep -o build/verify
	SHARDSIM_SLOW=1 $(BIN)/python -m pytest -n $(JOBS) -m slow
	SHARDSIM_SLOW=1 $(BIN)/python -m pytest -n $(JOBS) tests/test_docs.py tests/test_mutants.py tests/test_sweep.py -m "not slow"

coverage: $(VENV)/dev  ## branches of core, engines, stats and planner, with the compiler off: drawn input reaches all, or it fails; about 10 minutes on 2 cores
	NUMBA_DISABLE_JIT=1 SHARDSIM_PROFILE=reach SHARDSIM_PLANS=400 $(BIN)/python -m pytest -n $(JOBS) $(REACH) --cov=simulator.core --cov=simulator.engines \
	  --cov=simulator.stats --cov=simulator.planner --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=100

fuzz: $(VENV)/dev  ## read drawn inputs for MINUTES (default 10); what is found is kept in .fuzz/
	PYTHONPATH=tests $(BIN)/python -m fuzz --minutes $(or $(MINUTES),10)

golden: $(VENV)/dev  ## write the golden outputs anew; look at the difference before committing
	$(BIN)/python -m pytest tests/test_golden.py --regenerate

docs: docs-pages $(VENV)/docs  ## the site, into simulator/site: warnings are errors, links that lead nowhere are warnings
	$(BIN)/sphinx-build -q -W --keep-going -j auto -d build/doctrees docs simulator/site
	@echo simulator/site/index.html

docs-pages: $(BIN)/shardsim  ## pages of the reference that are made from the program
	$(BIN)/python docs/generated.py

docs-tables: $(BIN)/shardsim  ## the tables of accuracy and speed, from what the last `make verify` and `make bench` wrote
	$(BIN)/python docs/tables.py build/verify/results.json build/bench.txt

docs-intervals: $(BIN)/shardsim  ## the tables of intervals in docs/statistics.md, measured anew; about 15 minutes on 2 cores
	$(BIN)/python docs/intervals.py

docs-figures: $(BIN)/shardsim  ## the figures of the pages; look at them before committing
	$(BIN)/python docs/figures.py

bench: $(VENV)/bench  ## the engines beside other simulators, their limit, their growth, and the commands: one run, under 20 minutes
	$(BIN)/python -m benchmarks -o build/bench.txt

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
