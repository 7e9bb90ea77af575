# Two commands do everything on a fresh machine: make report, make test.
PYTHON ?=
BIN := .venv/bin
READY := .venv/.ready
# Each takes a core and up to 3 GB.
WORKERS ?= 2
SAMPLE := data/sample/manifest.json

.PHONY: help setup report test check mutation bench lab lock clean

help:
	@echo "make report   set up, make the sample utility, run the notebooks, write the pages"
	@echo "make test     set up what is missing and run the tests"
	@echo "make lab      open the notebooks in JupyterLab"
	@echo "make check    style, types, safety"
	@echo "make mutation change the store, privacy and rules one thing at a time: do tests notice?"
	@echo "make bench    measure speed and memory, renew tests/benchmarks/README.md"
	@echo "make lock     resolve the versions anew (requirements.lock, environment.yml)"

setup: $(READY)

$(READY): requirements.lock pyproject.toml .ci/setup.sh
	@sh .ci/setup.sh $(PYTHON)

# The sample follows from the code that makes it.
$(SAMPLE): $(READY) $(shell find labkit/sample labkit/schema data/tariffs -type f -not -name '*.pyc') $(shell find labkit/store -name "*.py") labkit/calendar.py labkit/terms.csv
	@$(BIN)/labkit sample data/sample --progress

report: $(SAMPLE)
	@$(BIN)/labkit report --data data/sample --out reports

test: $(SAMPLE)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy labkit
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml labkit
	$(BIN)/python .ci/audit.py

mutation: $(READY)
	$(BIN)/python .ci/mutation.py

bench: $(SAMPLE)
	$(BIN)/python -m tests.benchmarks

lab: $(SAMPLE)
	$(BIN)/jupyter lab notebooks

lock: $(READY)
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --extra dev \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml -o requirements.lock

clean:
	rm -rf mutants data/sample reports/run-* .pytest_cache .mypy_cache .ruff_cache .hypothesis
