# Two commands are enough: `make demo` shows what it does, `make test` shows that it works.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS := $(shell nproc 2>/dev/null || echo 2)

.PHONY: demo test check verify golden bench clean

$(BIN)/shardsim: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

$(VENV)/bench: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
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

verify: $(BIN)/shardsim  ## known answers and coverage of intervals at depth, under 60 minutes on 2 cores
	$(BIN)/shardsim verify --deep

golden: $(VENV)/dev  ## write the golden outputs anew; look at the difference before committing
	$(BIN)/python -m pytest tests/test_golden.py --regenerate

bench: $(VENV)/bench  ## the engines beside other simulators, their limit and their growth: one run, under 10 minutes
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
